/** The part of JSON Schema that zod writes. */
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

/** The possible forms of a value; a single one if there is no choice. */
export const formsOf = (node: JsonSchema): readonly JsonSchema[] => node.anyOf?.flatMap(formsOf) ?? [node];

/**
 * The possible schemas of the value at a path: several if an ancestor has several forms, none if the path
 * does not exist.
 */
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
