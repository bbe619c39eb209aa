import { DatalabError } from "../../errors.ts";
import { secretPattern } from "../../model/names.ts";
import { externalKey } from "../../model/refs.ts";
import { run } from "../process.ts";
import { pulumiError } from "./pulumi-cli.ts";
import { ensureStack } from "./stack.ts";

/**
 * Stores a secret from outside as an encrypted value of the stack's configuration; it is passed on standard
 * input.
 */
export async function setExternalSecret(
  project: string,
  stack: string,
  name: string,
  value: string,
): Promise<void> {
  if (!secretPattern.test(name)) {
    const message = `expected a name of lower case letters, digits and dashes, received ${JSON.stringify(name)}`;
    throw new DatalabError("E_USAGE", message);
  }
  if (value === "") {
    throw new DatalabError("E_USAGE", `No value for ${name} was given on standard input.`, {
      hint: `./datalab secrets set ${name} < file`,
    });
  }
  await ensureStack(project, stack);
  const ran = await run(
    "pulumi",
    ["config", "set", "--secret", `datalab:${externalKey(name)}`, "--stack", stack, "--non-interactive"],
    { cwd: project, input: value },
  );
  if (ran.code !== 0) throw pulumiError(ran.stderr, stack);
}
