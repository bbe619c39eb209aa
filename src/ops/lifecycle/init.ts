import { writeFile } from "node:fs/promises";
import { stackFile } from "../../config/load.ts";
import { ensureStack } from "../engine/stack.ts";

/** `datalab platform init --json`. */
export interface InitResult {
  readonly stack: string;
  readonly file: string;
  /** Whether the file was written; one that exists is never touched. */
  readonly created: boolean;
}

const content = (
  stack: string,
) => `# The stack ${stack}. An empty platform object works: every field has a default.
# Every field, its meaning and default: docs/config.md, or ./datalab config schema.
# Check a change with: ./datalab config validate --stack ${stack}
config:
  datalab:platform: {}
#   datalab:platform:
#     portOffset: 100        # lets stacks live side by side on one machine
#     services:
#       prefect:
#         enabled: true
`;

/** Makes a stack: its configuration file, when there is none, and its state. */
export async function initPlatform(project: string, stack: string): Promise<InitResult> {
  const file = stackFile(project, stack);
  const created = await writeFile(file, content(stack), { flag: "wx" }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") return false;
      throw error;
    },
  );
  await ensureStack(project, stack);
  return { stack, file, created };
}
