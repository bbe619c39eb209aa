import { DatalabError } from "../../errors.ts";
import { type PlatformOutput, platformOutput } from "../../outputs/platform.ts";
import { notDeployed, pulumiRead } from "../engine/pulumi-cli.ts";

/** Reads what is deployed: the stack output `platform`. Throws E_NOT_DEPLOYED when there is none. */
export async function readPlatform(project: string, stack: string): Promise<PlatformOutput> {
  const text = await pulumiRead(project, stack, ["stack", "output", "platform", "--json"]);
  return parsePlatform(text, stack);
}

export function parsePlatform(text: string, stack: string): PlatformOutput {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notDeployed(stack);
  }
  if (value === null || value === undefined) throw notDeployed(stack);
  const parsed = platformOutput.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new DatalabError(
    "E_PLATFORM_OUTPUT",
    `The stack ${stack} was deployed by another version of DataLab (${issue?.path.join(".")}: ${issue?.message}).`,
    { hint: `./datalab up --stack ${stack} updates it to this version.` },
  );
}
