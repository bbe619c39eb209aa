/** JSON Schema as far as zod writes it. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  /** Who decides on the value, see ownership.ts. */
  readonly owner?: string;
  readonly anyOf?: readonly JsonSchema[];
}

/** The forms that a value may have, one where it has no choice. */
export const formsOf = (node: JsonSchema): readonly JsonSchema[] => node.anyOf?.flatMap(formsOf) ?? [node];

/** The schemas that a value at a path may have: several where an ancestor has several forms, none where there is no such path. */
export function nodesAt(root: JsonSchema, path: readonly (string | number)[]): readonly JsonSchema[] {
  let nodes: JsonSchema[] = [root];
  for (const key of path) {
    nodes = nodes
      .flatMap(formsOf)
      .map((node) => {
        if (typeof key === "number") return node.items;
        const own = node.properties;
        if (own && Object.hasOwn(own, key)) return own[key];
        return typeof node.additionalProperties === "object" ? node.additionalProperties : undefined;
      })
      .filter((node) => node !== undefined);
  }
  return nodes;
}
