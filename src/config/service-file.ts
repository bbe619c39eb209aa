import { z } from "zod";
import { bucket, database, endpoint, type Need, secret } from "../model/needs.ts";
import { dnsLabel } from "../model/names.ts";
import { type Ref, type Template, template, type Text } from "../model/refs.ts";
import type { PartContext, ServiceDefinition } from "../model/service.ts";
import { cpuPattern, durationPattern, sizePattern } from "../model/units.ts";
import { readDocument, type SourceDocument } from "./document.ts";
import { ConfigError, type Problem } from "./error.ts";
import { check, nearest } from "./problems.ts";

const name = z.string().regex(dnsLabel, "a name of lower case letters, digits and -, such as my-service");
const size = z.string().regex(sizePattern, 'a size such as "20Gi"');
const duration = z.string().regex(durationPattern, 'a duration such as "30s"');
const text = z.string();

const need = z.union([
  z.strictObject({ database: name.describe("A PostgreSQL database of this name, with its own role.") }),
  z.strictObject({ bucket: z.union([name, z.array(name).min(1)]).describe("Buckets, with a key of their own.") }),
  z.strictObject({ secret: z.strictObject({ user: text.optional(), opens: text.optional() }) }),
  z.strictObject({
    endpoint: z
      .string()
      .regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, "a workload and endpoint such as prefect.api")
      .describe("Another service's endpoint."),
  }),
]);

const part = z.strictObject({
  image: text.min(1).describe("Logical image name."),
  command: z.array(text).min(1).describe("Command; ${needs.<name>.<field>} stands for what a need was answered with."),
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/, "a variable name such as MY_NAME"), text).default({}),
  files: z.record(z.string(), text).default({}).describe("Files under /run/datalab."),
  endpoints: z
    .record(
      name,
      z.strictObject({
        port: z.int().min(1).max(65535),
        protocol: z.enum(["http", "tcp"]).default("http"),
        summary: text.default("its endpoint"),
        published: z.int().min(1).max(65535).optional(),
        browser: z.boolean().default(false),
        login: text.optional(),
        path: z.string().startsWith("/", { error: "a path that begins with /" }).default("/"),
      }),
    )
    .default({}),
  probe: z
    .strictObject({ command: z.array(text).min(1), every: duration.default("10s"), within: duration.default("60s") })
    .optional(),
  volumes: z
    .record(name, z.strictObject({ path: z.string().startsWith("/", { error: "an absolute path" }), size }))
    .default({}),
  resources: z.strictObject({ cpu: z.string().regex(cpuPattern, 'cores such as "250m"'), memory: size }),
  tmp: size.default("64Mi"),
  oneShot: z.boolean().default(false),
  stopGrace: duration.default("10s"),
});

const checkSchema = z.strictObject({
  summary: text.min(1),
  every: duration.default("30s"),
  timeout: duration.default("10s"),
  http: z
    .strictObject({
      part: name.default("main"),
      endpoint: name,
      path: z.string().startsWith("/", { error: "a path that begins with /" }),
      status: z.int().min(100).max(599).default(200),
    })
    .optional(),
  tcp: z.strictObject({ part: name.default("main"), endpoint: name }).optional(),
});

/** A service as a YAML or JSON file. */
export const serviceFile = z
  .strictObject({
    name,
    summary: text.min(1).describe("One sentence that says what it is for."),
    version: text.min(1).describe("The product's version."),
    owner: text.default("platform"),
    backup: text.min(1).describe("What saves its state, in a sentence."),
    needs: z.record(name, need).default({}),
    parts: z.record(name, part).refine((parts) => Object.keys(parts).length > 0, { error: "at least one part" }),
    checks: z.record(name, checkSchema).default({}),
  })
  .describe("A service of the platform.");

type File = z.output<typeof serviceFile>;

/** Reads a service from a file; throws a ConfigError with all that is wrong in it. */
export function readServiceFile(project: string, path: string): ServiceDefinition {
  const document = readDocument(project, path);
  const result = check(serviceFile, document.value ?? {});
  if (!result.ok) throw new ConfigError(result.problems.map((p) => ({ ...p, at: document.locate(p.path) })));
  const problems = crossCheck(result.value, document);
  if (problems.length > 0) throw new ConfigError(problems);
  return toDefinition(result.value);
}

const placeholder = /\$\{([^}]*)\}/g;
/** What may stand in ${needs.<name>.<field>}. */
const fields: Record<string, readonly string[]> = {
  database: ["host", "port", "name", "user", "password"],
  bucket: ["url", "region", "accessKey", "secretKey"],
  secret: ["value"],
  endpoint: ["host", "port", "url"],
};

function crossCheck(file: File, document: SourceDocument): Problem[] {
  const problems: Problem[] = [];
  const at = (path: (string | number)[], message: string, fix?: string) =>
    problems.push({ path, message, at: document.locate(path), ...(fix && { fix }) });

  const allowed = [
    "stack",
    ...Object.entries(file.needs).flatMap(([n, value]) =>
      (fields[Object.keys(value)[0] as string] ?? []).map((field) => `needs.${n}.${field}`),
    ),
  ];
  const scan = (path: (string | number)[], value: string) => {
    for (const [, inner] of value.matchAll(placeholder)) {
      if (allowed.includes(inner as string)) continue;
      const near = nearest(inner as string, allowed);
      at(path, `expected one of ${allowed.join(", ")}, received \${${inner}}`, near && `Did you mean \${${near}}?`);
    }
  };
  for (const [partName, p] of Object.entries(file.parts)) {
    p.command.forEach((word, i) => scan(["parts", partName, "command", i], word));
    for (const [key, value] of Object.entries(p.env)) scan(["parts", partName, "env", key], value);
    for (const [key, value] of Object.entries(p.files)) scan(["parts", partName, "files", key], value);
    for (const [key, e] of Object.entries(p.endpoints)) {
      const secretNeeds = Object.keys(file.needs).filter((n) => "secret" in (file.needs[n] as object));
      if (e.login && !secretNeeds.includes(e.login)) {
        at(["parts", partName, "endpoints", key, "login"], `expected the name of a secret need, received "${e.login}"`);
      }
    }
  }
  for (const [checkName, c] of Object.entries(file.checks)) {
    if ((c.http ? 1 : 0) + (c.tcp ? 1 : 0) !== 1) at(["checks", checkName], "expected exactly one of http and tcp");
    const target = c.http ?? c.tcp;
    if (target && !file.parts[target.part]?.endpoints[target.endpoint]) {
      at(["checks", checkName], `expected an endpoint of the service, received ${target.part}.${target.endpoint}`);
    }
  }
  return problems;
}

function toDefinition(file: File): ServiceDefinition {
  const fill = (value: string, ctx: PartContext): Template =>
    template(
      ...value.split(placeholder).map((piece, i) => (i % 2 === 0 ? piece : answer(piece, ctx))),
    );
  return {
    name: file.name,
    summary: file.summary,
    version: file.version,
    owner: file.owner,
    backup: file.backup,
    needs: Object.fromEntries(Object.entries(file.needs).map(([n, value]) => [n, toNeed(value)])),
    parts: Object.fromEntries(
      Object.entries(file.parts).map(([n, p]) => {
        const { probe, command, env, files, endpoints, ...rest } = p;
        return [
          n,
          {
            ...rest,
            ...(probe && { probe }),
            endpoints: endpoints as never,
            command: (ctx) => command.map((word) => fill(word, ctx)),
            env: (ctx) => Object.fromEntries(Object.entries(env).map(([k, v]) => [k, fill(v, ctx)])),
            files: (ctx) => Object.fromEntries(Object.entries(files).map(([k, v]) => [k, fill(v, ctx)])),
          },
        ];
      }),
    ),
    checks: file.checks as ServiceDefinition["checks"],
  };
}

function toNeed(value: z.output<typeof need>): Need {
  if ("database" in value) return database(value.database);
  if ("bucket" in value) return bucket(...[value.bucket].flat());
  if ("endpoint" in value) return endpoint(...(value.endpoint.split(".") as [string, string]));
  const { user, opens } = value.secret;
  return user === undefined ? secret() : secret({ user, opens: opens ?? "" });
}

function answer(path: string, ctx: PartContext): Text {
  if (path === "stack") return ctx.stack;
  const [, needName, field] = path.split(".") as [string, string, string];
  const grant = ctx.needs[needName] as Ref | Record<string, Text>;
  return field === "value" ? (grant as Ref) : ((grant as Record<string, Text>)[field] as Text);
}
