import { ConfigError, type Problem } from "../errors.ts";
import { bucket, database, endpoint, type Need, secret } from "../model/needs.ts";
import { type Ref, type Template, type Text, template } from "../model/refs.ts";
import type { AlertRule, PartContext, Provider, ServiceDefinition } from "../model/service.ts";
import { nearest } from "../nearest.ts";
import { readDocument, type SourceDocument } from "./document.ts";
import { check } from "./problems.ts";
import { type ServiceFileContent, serviceFile } from "./service-file-schema.ts";

type File = ServiceFileContent;

/** A service as its file declares it, or all problems of the file. */
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
/** The allowed fields of ${needs.<name>.<field>}. */
const fields: Record<string, readonly string[]> = {
  database: ["host", "port", "name", "user", "password"],
  bucket: ["url", "region", "accessKey", "secretKey", "prefix"],
  secret: ["value"],
  endpoint: ["host", "port", "url"],
};

/** Checks across fields. */
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
    problems.push(...checkTargets(partName, p, file, document));
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
    if (!c.http && !c.tcp) at(["checks", checkName], "expected either http or tcp, received neither");
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
    at(
      [],
      "expected a probe for a part that runs permanently, received none",
      "Add one, or set oneShot: true.",
    );
  }
  if (part.oneShot && Object.keys(part.endpoints).length > 0) {
    at(["endpoints"], "expected no endpoints for a one-shot part, received some");
  }
  if (part.oneShot && Object.keys(part.volumes).length > 0) {
    at(["volumes"], "expected no volumes for a one-shot part, received some");
  }
  if (part.oneShot && part.drain) {
    at(
      ["drain"],
      "expected no drain for a one-shot part, received one",
      "Remove it: a one-shot part ends by itself.",
    );
  }
  if (part.dump && (part.oneShot || part.replicas > 1)) {
    at(
      ["dump"],
      `expected no dump for ${part.oneShot ? "a one-shot part" : "a part with several replicas"}, received one`,
      "A backup needs one running container that has all the data.",
    );
  }
  return problems;
}

/** Endpoints and secrets that a part names. */
function checkTargets(
  partName: string,
  part: File["parts"][string],
  file: File,
  document: SourceDocument,
): Problem[] {
  const problems: Problem[] = [];
  const oneOf = (path: (string | number)[], what: string, value: string, known: readonly string[]) => {
    if (known.includes(value)) return;
    const whole = ["parts", partName, ...path];
    const near = nearest(value, known);
    problems.push({
      path: whole,
      message: `expected ${known.length > 0 ? `one of ${what} ${known.join(", ")}` : `${what}, of which there are none`}, received ${JSON.stringify(value)}`,
      at: document.locate(whole),
      ...(near && { fix: `Did you mean ${near}?` }),
    });
  };
  const secrets = Object.entries(file.needs).flatMap(([n, v]) => ("secret" in v ? [n] : []));
  for (const [job, scrape] of Object.entries(part.metrics)) {
    const at = (key: string) => ["metrics", job, key];
    oneOf(at("endpoint"), "the part's endpoints", scrape.endpoint, Object.keys(part.endpoints));
    for (const key of ["login", "bearer"] as const) {
      if (scrape[key] !== undefined) oneOf(at(key), "the secret needs", scrape[key], secrets);
    }
  }
  const others = Object.entries(file.parts)
    .filter(([n]) => n !== partName)
    .flatMap(([n, p]) => Object.keys(p.endpoints).map((e) => `${n}.${e}`));
  for (const [i, place] of part.after.entries()) {
    oneOf(["after", i], "the other parts' endpoints", place, others);
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
        const { probe, drain, dump, command, env, files, endpoints, metrics, after, replicas, ...rest } = p;
        return [
          n,
          {
            ...rest,
            ...(probe && { probe }),
            ...(drain && { drain }),
            ...(dump && { dump }),
            endpoints: endpoints as never,
            metrics: metrics as never,
            after: after.map(providerOf),
            replicas: () => replicas,
            command: (ctx) => command.map((word) => fill(word, ctx)),
            env: (ctx) => Object.fromEntries(Object.entries(env).map(([k, v]) => [k, fill(v, ctx)])),
            files: (ctx) => Object.fromEntries(Object.entries(files).map(([k, v]) => [k, fill(v, ctx)])),
          },
        ];
      }),
    ),
    checks: file.checks as ServiceDefinition["checks"],
    alerts: () => file.alerts as readonly AlertRule[],
  };
}

function providerOf(text: string): Provider {
  const [part, endpoint] = text.split(".") as [string, string];
  return { part, endpoint };
}

function toNeed(value: File["needs"][string]): Need {
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
