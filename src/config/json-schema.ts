import { z } from "zod";
import type { ServiceDefinition } from "../model/service.ts";
import { platformSchema } from "./schema.ts";

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
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** JSON Schema of the platform object. */
export function platformJsonSchema(services: readonly ServiceDefinition[]): JsonSchema {
  return z.toJSONSchema(platformSchema(services), { io: "input", unrepresentable: "any", reused: "inline" }) as JsonSchema;
}

/** JSON Schema (draft 2020-12) of Pulumi.<stack>.yaml: the platform object in its frame. */
export function stackFileSchema(services: readonly ServiceDefinition[]): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "DataLab stack",
    type: "object",
    properties: {
      config: { type: "object", properties: { "datalab:platform": platformJsonSchema(services) } },
    },
  } as JsonSchema;
}

/** The schema of the value at a path; undefined where the schema has none. */
export function schemaAt(root: JsonSchema, path: readonly (string | number)[]): JsonSchema | undefined {
  let nodes: JsonSchema[] = [root];
  for (const key of path) {
    nodes = nodes
      .flatMap((node) => node.anyOf ?? [node])
      .map((node) => {
        if (typeof key === "number" || node.items) return node.items;
        const rest = node.additionalProperties;
        return node.properties?.[key] ?? (typeof rest === "object" ? rest : undefined);
      })
      .filter((node) => node !== undefined);
  }
  return nodes[0];
}
