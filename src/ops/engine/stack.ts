import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { readDocument } from "../../config/document.ts";
import { stackFile } from "../../config/load.ts";
import { DatalabError } from "../../errors.ts";
import { type Installation, installationText, parseInstallation } from "../../model/names.ts";
import { run } from "../process.ts";
import { pulumiError } from "./pulumi-cli.ts";
import { readIdentity, type StackIdentity } from "./stack-identity.ts";

/**
 * Makes sure that the Pulumi stack exists and has a master secret, from which every password is derived, and
 * an installation's id. Says nothing and changes nothing when all are there. Throws E_MASTER_MISSING when
 * there is no master secret although something is deployed: a new one would change every password. `isNew`
 * makes one on purpose.
 */
export async function ensureStack(
  project: string,
  stack: string,
  { identity, isNew = false }: { readonly identity?: StackIdentity; readonly isNew?: boolean } = {},
): Promise<void> {
  const { exists, resources } = identity ?? (await readIdentity(project, stack));
  const hasMaster = hasMasterSecret(project, stack);
  if (!hasMaster && resources > 0 && !isNew) throw masterMissing(stack, resources);
  if (!exists) await pulumi(project, stack, ["stack", "init", stack]);
  if (!hasMaster) {
    const master = randomBytes(32).toString("base64url");
    await setStackValue(project, stack, "datalab:masterSecret", master, "secret");
  }
  if (!givenInstallation(project, stack) && resources === 0) {
    await setInstallation(project, stack, newInstallation(project));
  }
}

/** A new one, of this checkout. */
export const newInstallation = (project: string): Installation => ({
  id: randomBytes(8).toString("hex"),
  origin: originOf(project),
});

/** Where a checkout is, for whoever finds what it has made. */
export const originOf = (project: string): string => `${userInfo().username}@${hostname()}:${project}`;

/** Which installation the stack's file says it is. */
export const givenInstallation = (project: string, stack: string): Installation | undefined =>
  parseInstallation(stackValues(project, stack).get(installationKey));

export const setInstallation = (project: string, stack: string, installation: Installation): Promise<void> =>
  setStackValue(project, stack, installationKey, installationText(installation), "plaintext");

const installationKey = "datalab:installation";

const masterMissing = (stack: string, resources: number): DatalabError =>
  new DatalabError(
    "E_MASTER_MISSING",
    `Pulumi.${stack}.yaml has no datalab:masterSecret, but ${resources} resources of the stack ${stack} are deployed with one. A new one would change every password, and make backups unreadable.`,
    {
      hint: `Restore the file from your repository or backup, with its encryptionsalt. If it is lost, replace it on purpose: ./datalab up --new-master-secret --stack ${stack}`,
    },
  );

export async function stackExists(project: string, stack: string): Promise<boolean> {
  const listed = await pulumi(project, stack, ["stack", "ls", "--json"]);
  return (JSON.parse(listed) as { name: string }[]).some(({ name }) => name === stack);
}

/** Makes the stack's entry in the backend where there is none. */
export async function initStack(project: string, stack: string): Promise<void> {
  if (!(await stackExists(project, stack))) await pulumi(project, stack, ["stack", "init", stack]);
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
