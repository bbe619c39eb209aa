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
 * Whether a stack's state has an object of the target. Kinds may share a name: on Docker a volume of files
 * and the container that fills it do.
 */
export function isInState(
  state: readonly StateResource[],
): (object: { readonly kind: string; readonly name: string }) => boolean {
  const names = new Set(
    state.flatMap(({ type, inputs, outputs }) => {
      // `docker:index/container:Container`; what a cluster has says its kind itself.
      const kind = type.split(":").at(-1)?.toLowerCase();
      return [inputs, outputs].flatMap((value) => [
        `${kind}/${value?.name}`,
        `${value?.kind}/${value?.metadata?.name}`,
      ]);
    }),
  );
  return ({ kind, name }) => names.has(`${kind}/${name}`);
}

export const nameOfUrn = (urn: string): string => urn.split("::").at(-1) as string;
