import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { ConfigError, type Problem } from "../errors.ts";
import { imageNames } from "../images/catalog.ts";
import type { Environment } from "../model/environment.ts";
import { parseInstallation, stackPattern } from "../model/names.ts";
import type { ServiceDefinition } from "../model/service.ts";
import { didYouMean } from "../nearest.ts";
import { parseSource, readDocument, type SourceDocument } from "./document.ts";
import { type PipelinesConfig, readPipelines } from "./pipelines.ts";
import { baseOf, isOfPreset } from "./presets.ts";
import { check } from "./problems.ts";
import { platformSchema, serviceFileName } from "./schema.ts";
import { readServiceFile } from "./service-file.ts";
import { show } from "./value-text.ts";

const platformKey = "datalab:platform";
/** Keys that the stack generates, see ops/engine/stack.ts. */
const installationKey = "datalab:installation";
const madeKeys = [
  "datalab:masterSecret",
  installationKey,
  "datalab:tlsKey",
  "datalab:tlsCertificate",
  "datalab:tlsAuthority",
];
const ownKeys = [platformKey, ...madeKeys];
/** An external secret, see `external` in the model. */
const secretKey = /^datalab:secret-[a-z][a-z0-9-]*$/;
/** Pulumi's own keys in the file. */
const fileKeys = ["config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment"];
const prefix = ["config", platformKey] as const;

type Path = readonly (string | number)[];
type Locate = (path: Path) => string;

export const stackFile = (project: string, stack: string): string => join(project, `Pulumi.${stack}.yaml`);

/**
 * Reads Pulumi.<stack>.yaml, the service files and the pipelines that it names. Throws one ConfigError with
 * all problems. A missing file is an empty configuration, as it is for Pulumi.
 */
export function loadEnvironment(
  project: string,
  stack: string,
  builtIn: readonly ServiceDefinition[],
): Environment {
  if (!stackPattern.test(stack)) {
    throw new ConfigError([
      {
        path: [],
        message: `stack: expected a name of at most 40 lower case letters, digits and -, received ${JSON.stringify(stack)}`,
      },
    ]);
  }
  const path = stackFile(project, stack);
  const document = existsSync(path) ? readDocument(project, path) : parseSource(`Pulumi.${stack}.yaml`, "");
  const raw = rawPlatform(document);
  const base = baseOf(raw, builtIn);
  const given = (p: Path) => document.find([...prefix, ...p]);
  const presetOf = (p: Path) => (given(p) === undefined && isOfPreset(base, p) ? base.preset : undefined);
  const find = (p: Path) => (presetOf(p) === undefined ? given(p) : given(["preset"]));
  const locate: Locate = (p) => find(p) ?? document.locate([...prefix, ...p]);
  const problems = checkFrame(document);
  const found = readServices(project, raw, builtIn, locate);
  problems.push(...found.problems);

  const result = check(platformSchema(found.services, base), raw ?? {});
  if (!result.ok) {
    // A service whose file can't be read is not reported as unknown.
    const own = result.problems.filter(
      ({ path: [first, name] }) => first !== "services" || !found.unread.has(name),
    );
    const shown = (p: Path) => (p.length === 0 ? [platformKey] : p);
    problems.push(...own.map((p) => ({ ...p, path: shown(p.path), at: locate(p.path) })));
  }
  const pipelines = collect(problems, () => {
    const config = result.ok ? result.value.pipelines : pipelinesOnly(raw);
    return config && readPipelines(project, config, locate);
  });
  if (problems.length > 0 || !result.ok) throw new ConfigError(problems);
  return {
    stack,
    config: result.value,
    services: found.services,
    pipelines: pipelines ?? [],
    installation: parseInstallation(configOf(document)[installationKey]),
    externalSecrets: givenSecrets(document),
    locate: (p) => found.locate(p) ?? locate(p),
    find,
    presetOf,
  };
}

interface FoundServices {
  readonly services: ServiceDefinition[];
  readonly problems: Problem[];
  /** Names of services with invalid files. */
  readonly unread: ReadonlySet<unknown>;
  /**
   * Position in the service's file of a field that `services.<name>` does not configure; undefined if it
   * does.
   */
  readonly locate: (path: Path) => string | undefined;
}

function readServices(
  project: string,
  raw: unknown,
  builtIn: readonly ServiceDefinition[],
  locate: Locate,
): FoundServices {
  const services = [...builtIn];
  const problems: Problem[] = [];
  const unread = new Set<unknown>();
  const places = new Map<unknown, Locate>();
  const { serviceFiles: files, images } = (raw ?? {}) as {
    serviceFiles?: unknown;
    images?: { digests?: unknown };
  };
  const known = [...imageNames, ...Object.keys(images?.digests ?? {})];
  for (const [i, file] of (Array.isArray(files) ? files : []).entries()) {
    if (typeof file !== "string" || !serviceFileName.test(file)) continue; // the schema reports it
    const at = { path: ["serviceFiles", i], at: locate(["serviceFiles", i]) };
    if (!existsSync(resolve(project, file))) {
      const message = `expected a file of the project, received ${JSON.stringify(file)}, which does not exist`;
      problems.push({ ...at, message });
      continue;
    }
    const read = readServiceFile(project, resolve(project, file), known);
    problems.push(...read.problems);
    if (!read.service) unread.add(read.name);
    else if (services.some((s) => s.name === read.name)) {
      const message = `expected a unique service name, received a second ${JSON.stringify(read.name)}`;
      problems.push({ ...at, message, fix: `Change \`name\` in ${file}.` });
    } else {
      services.push(read.service);
      places.set(read.name, read.locate);
    }
  }
  const inFile = ["needs", "parts", "checks"];
  return {
    services,
    problems,
    unread,
    locate: ([first, name, field, ...rest]) =>
      first === "services" && inFile.includes(String(field))
        ? places.get(name)?.([field as string, ...rest])
        : undefined,
  };
}

/**
 * The pipelines' part of a configuration with other problems, so that the pipelines' files are checked too.
 */
function pipelinesOnly(raw: unknown): PipelinesConfig | undefined {
  const given = (raw as { pipelines?: unknown } | undefined)?.pipelines;
  const result = check(platformSchema([]), given === undefined ? {} : { pipelines: given });
  return result.ok ? result.value.pipelines : undefined;
}

function collect<T>(problems: Problem[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

const configOf = (document: SourceDocument): Readonly<Record<string, unknown>> =>
  (document.value as { config?: Record<string, unknown> } | null)?.config ?? {};

const rawPlatform = (document: SourceDocument): unknown => configOf(document)[platformKey] ?? undefined;

function givenSecrets(document: SourceDocument): string[] {
  return Object.keys(configOf(document))
    .filter((key) => secretKey.test(key))
    .map((key) => key.replace("datalab:secret-", ""));
}

/** The frame around the platform object. */
function checkFrame(document: SourceDocument): Problem[] {
  const value = document.value as Record<string, unknown> | null;
  if (value === null || value === undefined) return [];
  if (typeof value !== "object" || Array.isArray(value)) {
    const message = `expected a mapping with the key config, received ${show(value)}`;
    return [{ path: [], message, at: document.locate([]) }];
  }
  const problems: Problem[] = [];
  for (const key of Object.keys(value)) {
    if (fileKeys.includes(key)) continue;
    problems.push({
      path: [key],
      at: document.locate([key]),
      ...(ownKeys.includes(key)
        ? {
            message: "expected under config:, received at the top of the file",
            fix: "Indent it under a line `config:`.",
          }
        : unknownKey(key, key, fileKeys)),
    });
  }
  const config = value.config ?? {};
  if (typeof config !== "object" || Array.isArray(config)) {
    const message = `expected a mapping, received ${show(config)}`;
    return [...problems, { path: ["config"], message, at: document.locate(["config"]) }];
  }
  const installation = (config as Record<string, unknown>)[installationKey];
  if (installation !== undefined && parseInstallation(installation) === undefined) {
    problems.push({
      path: ["config", installationKey],
      message: `expected 16 hexadecimal digits, a blank and where it was made, received ${show(installation)}`,
      at: document.locate(["config", installationKey]),
      fix: "Remove the line: the next up writes it again.",
    });
  }
  for (const key of Object.keys(config)) {
    if (!key.startsWith("datalab:") && key.includes(":") && !nearOwn(key)) continue; // another provider's
    if (ownKeys.includes(key) || secretKey.test(key)) continue;
    problems.push({
      path: ["config", key],
      at: document.locate(["config", key]),
      ...unknownKey(key, key.includes(":") ? key : `datalab:${key}`, ownKeys),
    });
  }
  return problems;
}

function unknownKey(key: string, meant: string, known: readonly string[]): Pick<Problem, "message" | "fix"> {
  const message = `expected one of ${known.join(", ")}, received the unknown key ${JSON.stringify(key)}`;
  return { message, ...didYouMean(meant, known) };
}

/** For example `datlab:platform`, which belongs to no other provider. */
const nearOwn = (key: string): boolean => {
  const [namespace = "", name = ""] = key.split(":");
  return name === "platform" && didYouMean(namespace, ["datalab"]).fix !== undefined;
};
