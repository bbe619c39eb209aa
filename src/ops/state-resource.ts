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

/** Resources that stand for something on the target: neither components nor the engine's own bookkeeping. */
export const managed = (state: readonly StateResource[]): readonly StateResource[] =>
  state.filter(({ custom, type }) => custom && !type.startsWith("pulumi:"));

/**
 * Names of the resources in a stack's state; those of a cluster, where kinds may share one, as `Kind/name`.
 */
export function stateNames(state: readonly StateResource[]): ReadonlySet<string> {
  const names = state
    .flatMap(({ inputs, outputs }) => [inputs, outputs])
    .flatMap((value) => [value?.name, value?.metadata?.name && `${value.kind}/${value.metadata.name}`]);
  return new Set(names.filter((name) => typeof name === "string"));
}

export const nameOfUrn = (urn: string): string => urn.split("::").at(-1) as string;
