import { describe, expect, test } from "vitest";
import { explain } from "../../src/config/explain.ts";
import {
  type JsonSchema,
  platformJsonSchema,
  schemaAt,
  stackFileSchema,
} from "../../src/config/json-schema.ts";
import { ConfigError } from "../../src/errors.ts";
import { declare, makeProject, platformYaml, foundation as services } from "../support/project.ts";

/** Whether a JSON Schema takes a value, as far as zod writes JSON Schema. Says where it does not. */
function mismatches(schema: JsonSchema, value: unknown, at = "$"): string[] {
  if (schema.anyOf) {
    return schema.anyOf.some((form) => mismatches(form, value, at).length === 0) ? [] : [`${at}: no form`];
  }
  if (schema.enum && !schema.enum.includes(value)) return [`${at}: not one of ${schema.enum.join(", ")}`];
  if ("const" in schema && schema.const !== value) return [`${at}: not ${schema.const}`];
  switch (schema.type) {
    case "object": {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${at}: no object`];
      const missing = (schema.required ?? [])
        .filter((key) => !(key in value))
        .map((key) => `${at}.${key}: missing`);
      const inner = Object.entries(value).flatMap(([key, v]) => {
        const own = schema.properties?.[key];
        if (own) return mismatches(own, v, `${at}.${key}`);
        const rest = schema.additionalProperties;
        if (rest === false) return [`${at}.${key}: unknown`];
        return typeof rest === "object" ? mismatches(rest, v, `${at}.${key}`) : [];
      });
      return [...missing, ...inner];
    }
    case "array":
      if (!Array.isArray(value)) return [`${at}: no array`];
      return value.flatMap((v, i) => mismatches(schema.items ?? {}, v, `${at}[${i}]`));
    case "string":
      if (typeof value !== "string") return [`${at}: no string`];
      return schema.pattern && !new RegExp(schema.pattern).test(value)
        ? [`${at}: not ${schema.pattern}`]
        : [];
    case "integer":
    case "number": {
      const fits =
        typeof value === "number" &&
        value >= (schema.minimum ?? -Infinity) &&
        value <= (schema.maximum ?? Infinity);
      return fits ? [] : [`${at}: no number in range`];
    }
    case "boolean":
      return typeof value === "boolean" ? [] : [`${at}: no boolean`];
    default:
      return [];
  }
}

describe("JSON Schema", () => {
  const schema = platformJsonSchema(services);

  test("it takes the empty configuration and the default one", () => {
    const { environment } = declare(makeProject({}));
    expect(mismatches(schema, {})).toEqual([]);
    expect(mismatches(schema, environment.config)).toEqual([]);
    expect(
      mismatches(stackFileSchema(services), { config: { "datalab:platform": environment.config } }),
    ).toEqual([]);
  });

  test.each([
    [{ portOffset: -1 }, "$.portOffset: no number in range"],
    [{ taget: "docker" }, "$.taget: unknown"],
    [{ target: "dcoker" }, "$.target: not one of docker, kubernetes, aws"],
    [{ services: { prefect: { ports: { api: "http" } } } }, "$.services.prefect.ports.api: no form"],
    [{ services: { postgres: { storage: { data: "20" } } } }, "$.services.postgres.storage.data: not "],
    [{ serviceFiles: ["a.txt"] }, "$.serviceFiles[0]: not "],
    [{ services: { core: { enabled: "yes" } } }, "$.services.core.enabled: no boolean"],
  ])("it refuses %j as the validation does", (value, where) => {
    expect(mismatches(schema, value)).toEqual([expect.stringContaining(where)]);
    const yaml = `config:\n  datalab:platform: ${JSON.stringify(value)}\n`;
    expect(() => declare(makeProject({ "Pulumi.dev.yaml": yaml }))).toThrow(ConfigError);
  });

  test("every field says what it is", () => {
    const silent: string[] = [];
    const visit = (node: JsonSchema, path: string) => {
      if (!node.description && path !== "") silent.push(path);
      for (const [key, inner] of Object.entries(node.properties ?? {})) visit(inner, `${path}.${key}`);
    };
    visit(schema, "");
    expect(silent).toEqual([]);
  });

  test("it is a document of draft 2020-12 for Pulumi.<stack>.yaml", () => {
    const { $schema, title, properties } = stackFileSchema(services) as unknown as Record<string, unknown>;
    expect($schema).toBe("https://json-schema.org/draft/2020-12/schema");
    expect(title).toBe("DataLab stack");
    expect(properties).toMatchObject({ config: { properties: { "datalab:platform": { type: "object" } } } });
  });

  test("a path leads to its schema, also through lists, records and choices", () => {
    expect(schemaAt(schema, ["services", "prefect", "ports", "api"])?.default).toBe(4200);
    expect(schemaAt(schema, ["serviceFiles", 3])?.type).toBe("string");
    expect(schemaAt(schema, ["pipelines", "overrides", "any", "schedule", "cron"])?.description).toBe(
      "Cron expression of five fields.",
    );
    expect(schemaAt(schema, ["services", "nobody"])).toBeUndefined();
    expect(schemaAt(schema, ["constructor"])).toBeUndefined();
  });
});

describe("why", () => {
  const environment = () =>
    declare(
      makeProject({ "Pulumi.dev.yaml": platformYaml("services:\n  prefect:\n    ports:\n      api: 4201") }),
    ).environment;

  test("a value that is set is explained with its place, its default and its meaning", () => {
    expect(explain(environment(), "services.prefect.ports.api")).toEqual({
      path: "services.prefect.ports.api",
      value: 4201,
      at: "Pulumi.dev.yaml:6:11",
      preset: null,
      default: 4200,
      summary: "Port of the UI and API, before portOffset; `false`: not published.",
    });
  });

  test("a default is explained as one", () => {
    expect(explain(environment(), "data.policy")).toEqual({
      path: "data.policy",
      value: "retain",
      at: null,
      preset: null,
      default: "retain",
      summary: "Data volumes at a destroy: `retain` keeps them for the next up, `delete` removes them.",
    });
  });

  test("a field that nothing sets is explained too", () => {
    expect(explain(environment(), "images.registry")).toMatchObject({ value: undefined, at: null });
  });

  test.each([
    [
      "services.prefct.ports",
      "services.prefct",
      'expected one of core, postgres, object-store, prefect, received the unknown key "prefct"',
      "Did you mean services.prefect?",
    ],
    [
      "targt",
      "targt",
      'expected one of target, preset, portOffset, images, data, budget, kubernetes, aws, external, services, serviceFiles, pipelines, secrets, backup, promotion, protect, promoted, received the unknown key "targt"',
      "Did you mean target?",
    ],
    [
      "target.name",
      "target.name",
      'expected no keys, it is a value, received the unknown key "name"',
      undefined,
    ],
    [
      "constructor",
      "constructor",
      'expected one of target, preset, portOffset, images, data, budget, kubernetes, aws, external, services, serviceFiles, pipelines, secrets, backup, promotion, protect, promoted, received the unknown key "constructor"',
      undefined,
    ],
  ])("an unknown path %s is refused", (path, shown, message, fix) => {
    const error = (() => {
      try {
        explain(environment(), path);
      } catch (thrown) {
        return thrown as ConfigError;
      }
      throw new Error("it was explained");
    })();
    expect(error.message).toBe([`✖ ${shown}: ${message}`, ...(fix ? [`  ${fix}`] : [])].join("\n"));
    expect(error.exitCode).toBe(2);
  });
});
