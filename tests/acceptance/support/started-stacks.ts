/**
 * The stacks that this run has started: the runner looks for what is left of them, and `.ci/run` removes no
 * others.
 */
import { appendFileSync } from "node:fs";

export function noteStack(stack: string): void {
  const file = process.env.DATALAB_TEST_STACKS;
  if (file) appendFileSync(file, `${stack}\n`);
}
