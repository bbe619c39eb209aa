import type { StateResource } from "../state-resource.ts";
import { pulumiRead } from "./pulumi-cli.ts";

/** A stack's state as the engine has written it. */
export interface WrittenState {
  readonly resources?: readonly StateResource[];
  /** Steps that were cut off. */
  readonly pending_operations?: readonly unknown[];
}

/** Reads it as it stands; `more` are options of `pulumi stack export`. */
export async function exportState(
  project: string,
  stack: string,
  more: readonly string[] = [],
): Promise<WrittenState> {
  const text = await pulumiRead(project, stack, ["stack", "export", ...more]);
  return (JSON.parse(text) as { deployment?: WrittenState }).deployment ?? {};
}

/**
 * Every resource of a stack's state. Secrets are opened only where `secrets` asks for it, and stay in memory.
 */
export async function readState(
  project: string,
  stack: string,
  options: { readonly secrets: boolean } = { secrets: false },
): Promise<readonly StateResource[]> {
  const { resources = [] } = await exportState(project, stack, options.secrets ? ["--show-secrets"] : []);
  return resources.map((resource) => ({
    ...resource,
    ...(resource.inputs && { inputs: opened(resource.inputs) as StateResource["inputs"] & object }),
  }));
}

/**
 * The same as long as no step of the engine has been cut off; undefined when the state says of one that it
 * was.
 */
export async function readSettledState(
  project: string,
  stack: string,
): Promise<readonly StateResource[] | undefined> {
  const { resources = [], pending_operations: pending = [] } = await exportState(project, stack);
  return pending.length > 0 ? undefined : resources;
}

/** A secret that was opened stands in the state as a mapping with its JSON. */
function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== "object" || value === null) return value;
  if ("plaintext" in value && typeof value.plaintext === "string") return opened(JSON.parse(value.plaintext));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, opened(inner)]));
}
