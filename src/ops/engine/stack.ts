import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readDocument } from "../../config/document.ts";
import { stackFile } from "../../config/load.ts";
import { DatalabError } from "../../errors.ts";
import { run } from "../process.ts";
import { pulumiError } from "./pulumi-cli.ts";

/**
 * Makes sure that the Pulumi stack exists and has a master secret, from which every password is derived. Says
 * nothing and changes nothing when both are there.
 */
export async function ensureStack(project: string, stack: string): Promise<void> {
  if (!(await stackExists(project, stack))) {
    await pulumi(project, stack, ["stack", "init", stack]);
  }
  if (hasMasterSecret(project, stack)) return;
  const master = randomBytes(32).toString("base64url");
  await setStackValue(project, stack, "datalab:masterSecret", master, "secret");
}

export async function stackExists(project: string, stack: string): Promise<boolean> {
  const listed = await pulumi(project, stack, ["stack", "ls", "--json"]);
  return (JSON.parse(listed) as { name: string }[]).some(({ name }) => name === stack);
}

/** Whether a master secret stands in the stack's file: then the stack has been made, here or by the team. */
export function hasMasterSecret(project: string, stack: string): boolean {
  const path = stackFile(project, stack);
  if (!existsSync(path)) return false;
  const value = readDocument(project, path).value as { config?: Record<string, unknown> } | null;
  return value?.config?.["datalab:masterSecret"] !== undefined;
}

/** Plain values of the stack's own configuration, by key; secret ones are not among them. */
export function stackValues(project: string, stack: string): ReadonlyMap<string, string> {
  const path = stackFile(project, stack);
  const value = existsSync(path) ? readDocument(project, path).value : null;
  const { config } = (value ?? {}) as { config?: Record<string, unknown> };
  const plain = Object.entries(config ?? {}).filter(([, v]) => typeof v === "string");
  return new Map(plain as [string, string][]);
}

/** Sets a value of the stack's configuration; it is handed over where no list of processes shows it. */
export async function setStackValue(
  project: string,
  stack: string,
  key: string,
  value: string,
  kind: "secret" | "plaintext",
): Promise<void> {
  await pulumi(project, stack, ["config", "set", `--${kind}`, key, "--stack", stack], value);
}

async function pulumi(
  project: string,
  stack: string,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const ran = await run("pulumi", [...args, "--non-interactive"], {
    cwd: project,
    ...(input !== undefined && { input }),
  });
  if (ran.code === 0) return ran.stdout;
  const error = pulumiError(ran.stderr, stack);
  throw new DatalabError(error.code, error.message, {
    exitCode: error.exitCode,
    hint: error.hint ?? `pulumi ${args.join(" ")} printed this.`,
  });
}
