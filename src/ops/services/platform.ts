import { DatalabError } from "../../errors.ts";
import { type PlatformOutput, platformOutput } from "../../outputs/platform.ts";
import { notDeployed, pulumiRead } from "../engine/pulumi-cli.ts";
import { checkOwner } from "./owner.ts";

export interface ReadOptions {
  /** Nothing is asked of what runs: what the state says is enough. @default false */
  readonly stateAlone?: boolean;
}

/**
 * Reads what is deployed: the stack output `platform`. Throws E_NOT_DEPLOYED when there is none, and
 * E_FOREIGN when something else runs in its place.
 */
export async function readPlatform(
  project: string,
  stack: string,
  { stateAlone = false }: ReadOptions = {},
): Promise<PlatformOutput> {
  const text = await pulumiRead(project, stack, ["stack", "output", "platform", "--json"]);
  const platform = parsePlatform(text, stack);
  if (!stateAlone) await checkOwner(platform);
  return platform;
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
