import { writeFile } from "node:fs/promises";
import { setPlatformField } from "../../config/edit.ts";
import { stackFile } from "../../config/load.ts";
import type { PresetName } from "../../config/presets.ts";
import { declare } from "../../declare.ts";
import { ensureStack } from "../engine/stack.ts";

/** `datalab platform init --json`. */
export interface InitResult {
  readonly stack: string;
  readonly file: string;
  /** Whether the file was written; in one that exists only the preset is set, when one is given. */
  readonly created: boolean;
  /** The preset that was asked for; null: none, the file keeps its own. */
  readonly preset: PresetName | null;
}

const content = (
  stack: string,
  preset: PresetName | undefined,
) => `# The stack ${stack}. An empty platform object works: every field has a default.
# Every field, its meaning and default: docs/config.md, or ./datalab config schema.
# Check a change with: ./datalab config validate --stack ${stack}
config:
  datalab:platform:${preset ? `\n    preset: ${preset}` : " {}"}
#   datalab:platform:
#     portOffset: 100        # lets stacks live side by side on one machine
#     services:
#       prefect:
#         enabled: true
`;

/**
 * Makes a stack: its configuration file, when there is none, with the preset, when one is given, and its
 * state.
 */
export async function initPlatform(project: string, stack: string, preset?: PresetName): Promise<InitResult> {
  const file = stackFile(project, stack);
  const created = await writeFile(file, content(stack, preset), { flag: "wx" }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") return false;
      throw error;
    },
  );
  if (!created && preset) setPreset(project, stack, preset);
  await ensureStack(project, stack);
  return { stack, file, created, preset: preset ?? null };
}

/** A preset that does not fit with the rest of the file leaves the file as it was. */
function setPreset(project: string, stack: string, preset: PresetName): void {
  const edited = setPlatformField(project, stack, ["preset"], preset);
  try {
    declare(project, stack);
  } catch (error) {
    edited.undo();
    throw error;
  }
}
