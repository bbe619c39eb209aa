import { pulumiRead } from "./pulumi-cli.ts";

/** A resource as a stack's state has it. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly custom?: boolean;
  readonly retainOnDelete?: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: inputs of every provider
  readonly inputs?: Readonly<Record<string, any>>;
  // biome-ignore lint/suspicious/noExplicitAny: outputs of every provider
  readonly outputs?: Readonly<Record<string, any>>;
}

/** Every resource of a stack's state. Secrets are opened only where `secrets` asks for it, and stay in memory. */
export async function readState(
  project: string,
  stack: string,
  options: { readonly secrets: boolean } = { secrets: false },
): Promise<readonly StateResource[]> {
  const args = ["stack", "export", ...(options.secrets ? ["--show-secrets"] : [])];
  const state = JSON.parse(await pulumiRead(project, stack, args)) as {
    deployment?: { resources?: StateResource[] };
  };
  return (state.deployment?.resources ?? []).map((resource) => ({
    ...resource,
    ...(resource.inputs && { inputs: opened(resource.inputs) as StateResource["inputs"] & object }),
  }));
}

/** A secret that was opened stands in the state as a mapping with its JSON. */
function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== "object" || value === null) return value;
  if ("plaintext" in value && typeof value.plaintext === "string") return opened(JSON.parse(value.plaintext));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, opened(inner)]));
}

export const nameOfUrn = (urn: string): string => urn.split("::").at(-1) as string;
