import { z } from "zod";
import { dnsLabel } from "../model/names.ts";
import { bucket, database, endpoint, type Need, secret } from "../model/needs.ts";
import { type Ref, type Template, type Text, template } from "../model/refs.ts";
import type { PartContext, ServiceDefinition } from "../model/service.ts";
import { durationPattern, parseDuration } from "../model/units.ts";
import { readDocument, type SourceDocument } from "./document.ts";
import { ConfigError, type Problem } from "./error.ts";
import { check, nearest } from "./problems.ts";
import { cpuText, memory, size } from "./schema.ts";

const name = z.string().regex(dnsLabel, "a name of lower case letters, digits and -, such as my-service");
const duration = z.string().regex(durationPattern, 'a duration such as "30s"');
const text = z.string();
const path = z.string().startsWith("/", { error: "a path that begins with /" });
/** The core's timers hold no more than some weeks. */
const checkInterval = duration.refine(
  (every) => !durationPattern.test(every) || parseDuration(every) <= 86400,
  {
    error: "at most 1d between checks",
  },
);

const need = z.union([
  z.strictObject({ database: name.describe("A PostgreSQL database of this name, with its own role.") }),
  z.strictObject({
    bucket: z.union([name, z.array(name).min(1)]).describe("Buckets, with a key of their own."),
  }),
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
  command: z
    .array(text)
    .min(1)
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how people write it in a service file
    .describe("Command; ${needs.<name>.<field>} stands for what a need was answered with."),
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/, "a variable name such as MY_NAME"), text).default({}),
  files: z
    .record(z.string().regex(/^(?!env$)\w[\w.-]*$/, "a plain file name other than env"), text)
    .default({})
    .describe("Files under /run/datalab."),
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
        path: path.default("/"),
      }),
    )
    .default({}),
  probe: z
    .strictObject({
      command: z.array(text).min(1),
      every: duration.default("10s"),
      within: duration.default("60s"),
    })
    .optional(),
  volumes: z.record(name, z.strictObject({ path, size })).default({}),
  resources: z.strictObject({ cpu: cpuText, memory }),
  tmp: size.default("64Mi"),
  oneShot: z.boolean().default(false),
  stopGrace: duration.default("10s"),
});

const checkSchema = z.strictObject({
  summary: text.min(1),
  every: checkInterval.default("30s"),
  timeout: duration.default("10s"),
  http: z
    .strictObject({
      part: name.default("main"),
      endpoint: name,
      path,
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
    parts: z
      .record(name, part)
      .refine((parts) => Object.keys(parts).length > 0, { error: "at least one part" }),
    checks: z.record(name, checkSchema).default({}),
  })
  .describe("A service of the platform.");

type File = z.output<typeof serviceFile>;

/** A service as its file declares it, or all that is wrong in the file. */
export type ServiceFile =
  | {
      readonly service: ServiceDefinition;
      readonly name: string;
      readonly problems: readonly [];
      readonly locate: SourceDocument["locate"];
    }
  | { readonly service?: undefined; readonly name: unknown; readonly problems: readonly Problem[] };

/** Reads a service from a file; `images` are the logical names of the images that exist. */
export function readServiceFile(project: string, path: string, images: readonly string[]): ServiceFile {
  let document: SourceDocument;
  try {
    document = readDocument(project, path);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { name: undefined, problems: error.problems };
  }
  const name = (document.value as { name?: unknown } | null)?.name;
  const result = check(serviceFile, document.value ?? {});
  if (!result.ok) {
    return { name, problems: result.problems.map((p) => ({ ...p, at: document.locate(p.path) })) };
  }
  const problems = crossCheck(result.value, document, images);
  if (problems.length > 0) return { name, problems };
  const service = toDefinition(result.value);
  return { service, name: service.name, problems: [], locate: document.locate };
}

const placeholder = /\$\{([^}]*)\}/g;
/** What may stand in ${needs.<name>.<field>}. */
const fields: Record<string, readonly string[]> = {
  database: ["host", "port", "name", "user", "password"],
  bucket: ["url", "region", "accessKey", "secretKey"],
  secret: ["value"],
  endpoint: ["host", "port", "url"],
};

/** What one field says of another. */
function crossCheck(file: File, document: SourceDocument, images: readonly string[]): Problem[] {
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
      at(
        path,
        `expected one of ${allowed.map((a) => `\${${a}}`).join(", ")}, received \${${inner}}`,
        near && `Did you mean \${${near}}?`,
      );
    }
  };
  for (const [partName, p] of Object.entries(file.parts)) {
    problems.push(...checkPart(partName, p, document, images));
    for (const [i, word] of p.command.entries()) scan(["parts", partName, "command", i], word);
    for (const [key, value] of Object.entries(p.env)) scan(["parts", partName, "env", key], value);
    for (const [key, value] of Object.entries(p.files)) scan(["parts", partName, "files", key], value);
    for (const [key, e] of Object.entries(p.endpoints)) {
      if (e.login === undefined) continue;
      const need = file.needs[e.login];
      const opens = need && "secret" in need && need.secret.user !== undefined;
      if (!opens) {
        const logins = Object.entries(file.needs).flatMap(([n, v]) =>
          "secret" in v && v.secret.user ? [n] : [],
        );
        at(
          ["parts", partName, "endpoints", key, "login"],
          `expected the name of a secret need with a user, received ${JSON.stringify(e.login)}`,
          logins.length > 0
            ? `There are: ${logins.join(", ")}.`
            : "Add to needs: admin: { secret: { user: admin, opens: its page } }",
        );
      }
    }
  }
  for (const [checkName, c] of Object.entries(file.checks)) {
    if (!c.http && !c.tcp) at(["checks", checkName], "expected either http or tcp, received none of them");
    if (c.http && c.tcp) at(["checks", checkName], "expected either http or tcp, received both");
    const known = Object.entries(file.parts).flatMap(([n, p]) =>
      Object.keys(p.endpoints).map((e) => `${n}.${e}`),
    );
    const expected =
      known.length > 0
        ? `one of the endpoints ${known.join(", ")}`
        : "an endpoint of the service, which has none";
    for (const kind of ["http", "tcp"] as const) {
      const target = c[kind];
      if (!target) continue;
      const named = `${target.part}.${target.endpoint}`;
      if (known.includes(named)) continue;
      const near = nearest(named, known);
      at(
        ["checks", checkName, kind, "endpoint"],
        `expected ${expected}, received ${named}`,
        near && `Did you mean ${near}?`,
      );
    }
  }
  return problems;
}

function checkPart(
  partName: string,
  part: File["parts"][string],
  document: SourceDocument,
  images: readonly string[],
): Problem[] {
  const problems: Problem[] = [];
  const at = (path: string[], message: string, fix?: string) => {
    const whole = ["parts", partName, ...path];
    problems.push({ path: whole, message, at: document.locate(whole), ...(fix && { fix }) });
  };
  if (!images.includes(part.image)) {
    const near = nearest(part.image, images);
    at(
      ["image"],
      `expected one of the images ${images.join(", ")}, received ${JSON.stringify(part.image)}`,
      near && `Did you mean ${near}?`,
    );
  }
  if (!part.oneShot && !part.probe) {
    at([], "expected a probe of a part that runs for ever, received none", "Add one, or set oneShot: true.");
  }
  if (part.oneShot && Object.keys(part.endpoints).length > 0) {
    at(["endpoints"], "expected no endpoints of a part that ends, received some");
  }
  if (part.oneShot && Object.keys(part.volumes).length > 0) {
    at(["volumes"], "expected no volumes of a part that ends, received some");
  }
  return problems;
}

function toDefinition(file: File): ServiceDefinition {
  const fill = (value: string, ctx: PartContext): Template =>
    template(...value.split(placeholder).map((piece, i) => (i % 2 === 0 ? piece : answer(piece, ctx))));
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
