import type { Project, Ran } from "../../tests/acceptance/support/project.ts";

/** Runs `./datalab ...` on the project's stack; throws with its words when it fails. */
export async function datalab(project: Project, ...args: string[]): Promise<Ran> {
  const ran = await project.datalab(...args);
  if (ran.code !== 0) throw new Error(`datalab ${args.join(" ")} ended with ${ran.code}:\n${ran.stderr}`);
  return ran;
}
