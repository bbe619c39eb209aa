import { DatalabError } from "../../errors.ts";
import { lastLines, run } from "../process.ts";
import type { Host } from "../target.ts";
import { runEngine } from "./engine.ts";

/**
 * Puts a stack right whose engine was killed: its lock goes, half-made resources are cleared from the state, and
 * containers and networks that carry the stack's labels but are not in the state are removed. Volumes, which hold the
 * data, stay and are adopted by the next up.
 */
export async function recover(project: string, stack: string, host: Host): Promise<void> {
  await pulumi(project, ["cancel", "--yes", "--stack", stack]);
  const refreshed = await runEngine("refresh", { project, stack, args: ["--clear-pending-creates"] });
  if (refreshed.code !== 0) {
    throw new DatalabError(
      "E_RECOVER",
      `The state of stack ${stack} can't be refreshed: ${lastLines(refreshed.stderr, 5)}`,
    );
  }
  const known = await knownNames(project, stack);
  const { objects } = await host.inventory(stack, { sizes: false });
  const spawned = await host.spawned(stack);
  // What services have started themselves is in nobody's state, and somebody may be at work in it.
  await host.removeLeftovers(
    objects.filter(({ kind, name }) => {
      const isKnown = known.has(name) || known.has(`${kind}/${name}`);
      return !isKnown && !spawned.includes(name);
    }),
  );
}

/** Names of the resources in the stack's state; those of a cluster, where kinds may share one, as `Kind/name`. */
export async function knownNames(project: string, stack: string): Promise<ReadonlySet<string>> {
  const state = JSON.parse(await pulumi(project, ["stack", "export", "--stack", stack])) as {
    deployment?: { resources?: { inputs?: Named; outputs?: Named }[] };
  };
  const names = (state.deployment?.resources ?? [])
    .flatMap(({ inputs, outputs }) => [inputs, outputs])
    .flatMap((value) => [value?.name, value?.metadata?.name && `${value.kind}/${value.metadata.name}`]);
  return new Set(names.filter((name) => typeof name === "string"));
}

interface Named {
  readonly name?: unknown;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string };
}

async function pulumi(project: string, args: readonly string[]): Promise<string> {
  const ran = await run("pulumi", [...args, "--non-interactive"], { cwd: project });
  if (ran.code === 0) return ran.stdout;
  throw new DatalabError("E_RECOVER", `pulumi ${args[0]} failed: ${lastLines(ran.stderr, 3)}`);
}
