import { pulumiRead } from "./pulumi-cli.ts";

/** A resource as a stack's state has it. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly custom?: boolean;
  readonly protect?: boolean;
  readonly retainOnDelete?: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: inputs of every provider
  readonly inputs?: Readonly<Record<string, any>>;
  // biome-ignore lint/suspicious/noExplicitAny: outputs of every provider
  readonly outputs?: Readonly<Record<string, any>>;
}

interface Exported {
  readonly deployment?: {
    readonly resources?: readonly StateResource[];
    readonly pending_operations?: readonly unknown[];
  };
}

/** Every resource of a stack's state. Secrets are opened only where `secrets` asks for it, and stay in memory. */
export async function readState(
  project: string,
  stack: string,
  options: { readonly secrets: boolean } = { secrets: false },
): Promise<readonly StateResource[]> {
  const args = ["stack", "export", ...(options.secrets ? ["--show-secrets"] : [])];
  const state = JSON.parse(await pulumiRead(project, stack, args)) as Exported;
  return (state.deployment?.resources ?? []).map((resource) => ({
    ...resource,
    ...(resource.inputs && { inputs: opened(resource.inputs) as StateResource["inputs"] & object }),
  }));
}

/** The same as long as no step of the engine has been cut off; undefined when the state says of one that it was. */
export async function readSettledState(
  project: string,
  stack: string,
): Promise<readonly StateResource[] | undefined> {
  const { deployment } = JSON.parse(await pulumiRead(project, stack, ["stack", "export"])) as Exported;
  return (deployment?.pending_operations ?? []).length > 0 ? undefined : (deployment?.resources ?? []);
}

/** A secret that was opened stands in the state as a mapping with its JSON. */
function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== "object" || value === null) return value;
  if ("plaintext" in value && typeof value.plaintext === "string") return opened(JSON.parse(value.plaintext));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, opened(inner)]));
}

export const nameOfUrn = (urn: string): string => urn.split("::").at(-1) as string;
