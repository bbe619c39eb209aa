import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BasicLogin } from "../model/basic-auth.ts";
import type { ServiceSummaryOf } from "../model/platform.ts";
import type { ResolvedGrant } from "../model/service.ts";

/** `/run/datalab/registry.json`: the services of the stack with every address answered. */
export interface RegistryFile {
  readonly stack: string;
  readonly target?: string;
  readonly services: readonly RegistryService[];
}

/** A ServiceSummary whose texts are plain strings; a URL is "" when the endpoint is not published. */
export type RegistryService = ServiceSummaryOf<string>;

/** One of `collectors` in `/run/datalab/checks.json`: a CollectorView whose texts are plain strings. */
export interface CollectorEntry {
  readonly service: string;
  readonly name: string;
  readonly everySeconds: number;
  readonly timeoutSeconds: number;
  /**
   * A grant per need; a need for a secret is answered with its value, an optional one that nothing answers
   * with null.
   */
  readonly needs: Readonly<Record<string, ResolvedGrant | string | null>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly endpoints: Readonly<Record<string, string>>;
}

/** One of `checks`: a CheckView whose texts are plain strings. */
export interface CheckEntry extends CollectorEntry {
  /** How long after the core's own start a check that has not passed yet counts as starting. @default 0 */
  readonly startSeconds?: number;
  readonly http?: { readonly url: string; readonly status: number };
  readonly tcp?: { readonly host: string; readonly port: string };
}

export interface CoreFiles {
  readonly registry: RegistryFile;
  readonly checks: readonly CheckEntry[];
  readonly collectors: readonly CollectorEntry[];
  /** The login that may post alerts; null: no alerts are received. */
  readonly alerts: BasicLogin | null;
}

/** Reads what the target mounted. Throws a sentence that names the file when one is missing or misshapen. */
export async function readCoreFiles(directory: string): Promise<CoreFiles> {
  const [registry, checks] = await Promise.all([
    readObject(join(directory, "registry.json")),
    readObject(join(directory, "checks.json")),
  ]);
  const services = list(registry.value, "services", registry.path);
  const entries = list(checks.value, "checks", checks.path);
  const measured = checks.value.collectors === undefined ? [] : list(checks.value, "collectors", checks.path);
  if (checks.value.alerts)
    strings(checks.value.alerts as Fields, ["user", "password"], `${checks.path}: alerts`);
  for (const [index, service] of services.entries()) {
    strings(service, ["name"], `${registry.path}: services[${index}]`);
  }
  return {
    registry: {
      ...registry.value,
      services: services.map((service) => ({ endpoints: [], checks: [], ...service })),
    } as unknown as RegistryFile,
    checks: entries.map((entry, index) => toEntry(entry, `${checks.path}: checks[${index}]`)),
    collectors: measured.map((entry, index) => toEntry(entry, `${checks.path}: collectors[${index}]`)),
    alerts: (checks.value.alerts ?? null) as BasicLogin | null,
  };
}

function toEntry(entry: Fields, where: string): CheckEntry {
  strings(entry, ["service", "name"], where);
  for (const key of ["everySeconds", "timeoutSeconds"]) {
    const value = entry[key];
    if (typeof value !== "number" || !(value > 0)) {
      throw new Error(`${where}.${key}: expected a number above 0, received ${JSON.stringify(value)}`);
    }
  }
  return { needs: {}, secrets: {}, endpoints: {}, ...entry } as unknown as CheckEntry;
}

type Fields = Readonly<Record<string, unknown>>;

async function readObject(path: string): Promise<{ path: string; value: Fields }> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new Error(`${path} can't be read (${code}); the target mounts it, or set DATALAB_CORE_FILES`);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return { path, value: value as Fields };
  } catch {
    // The parser's own message quotes the text, which holds secrets.
  }
  throw new Error(`${path} is not a JSON object`);
}

function list(value: Fields, key: string, path: string): readonly Fields[] {
  const items = value[key];
  if (Array.isArray(items)) return items as Fields[];
  throw new Error(`${path}: expected a list under "${key}"`);
}

function strings(value: Fields, keys: readonly string[], where: string): void {
  for (const key of keys) {
    if (typeof value?.[key] !== "string") throw new Error(`${where}.${key}: expected a string`);
  }
}
