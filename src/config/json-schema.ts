import { z } from "zod";
import type { ServiceDefinition } from "../model/service.ts";
import { type JsonSchema, nodesAt } from "./json-schema-nodes.ts";
import { platformSchema } from "./schema.ts";

export type { JsonSchema } from "./json-schema-nodes.ts";

/** JSON Schema of the platform object. */
export function platformJsonSchema(services: readonly ServiceDefinition[]): JsonSchema {
  return z.toJSONSchema(platformSchema(services), {
    io: "input",
    unrepresentable: "any",
    reused: "inline",
  }) as JsonSchema;
}

/** JSON Schema (draft 2020-12) of Pulumi.<stack>.yaml, including the platform object. */
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

/** The schema of the value at a path; undefined if the schema has none. */
export function schemaAt(root: JsonSchema, path: readonly (string | number)[]): JsonSchema | undefined {
  return nodesAt(root, path)[0];
}
