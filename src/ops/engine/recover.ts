import { DatalabError } from "../../errors.ts";
import { lastLines, run } from "../process.ts";
import { isInState, type StateResource } from "../state-resource.ts";
import type { Host, StackObject } from "../target.ts";
import { runEngine } from "./engine.ts";
import { readIdentity } from "./stack-identity.ts";
import type { WrittenState } from "./stack-state.ts";

/**
 * Puts a stack right whose engine was killed: its lock goes, half-made resources are cleared from the state,
 * and containers and networks that carry the stack's labels but are not in the state are removed. Volumes,
 * which hold the data, stay and are adopted by the next up.
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
  const isKnown = isInState(await stateOf(project, stack));
  const { installation, adopted } = await readIdentity(project, stack);
  const own = [installation, ...adopted];
  const { objects } = await host.inventory(stack, { sizes: false });
  const spawned = await host.spawned(stack);
  // Another installation's is never removed, whatever its labels say of the stack.
  const isOurs = ({ owner }: StackObject) => owner === undefined || own.includes(owner.installation);
  // What services have started themselves is in nobody's state, and somebody may be at work in it.
  await host.removeLeftovers(
    objects.filter((object) => !isKnown(object) && isOurs(object) && !spawned.includes(object.name)),
  );
}

async function stateOf(project: string, stack: string): Promise<readonly StateResource[]> {
  const text = await pulumi(project, ["stack", "export", "--stack", stack]);
  return (JSON.parse(text) as { deployment?: WrittenState }).deployment?.resources ?? [];
}

async function pulumi(project: string, args: readonly string[]): Promise<string> {
  const ran = await run("pulumi", [...args, "--non-interactive"], { cwd: project });
  if (ran.code === 0) return ran.stdout;
  throw new DatalabError("E_RECOVER", `pulumi ${args[0]} failed: ${lastLines(ran.stderr, 3)}`);
}
