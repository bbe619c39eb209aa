import type { ServiceDefinition } from "../model/service.ts";
import given from "./presets.json" with { type: "json" };

/**
 * Presets of a stack: its services, its memory budget, and the images that set-up builds for
 * it. `full` names neither: it has every service that is enabled by default. setup.sh reads the same file.
 */
export interface Preset {
  /** Memory of all containers at rest, measured by bench/presets.ts. */
  readonly restMiB: number;
  /** What a first data set takes beside that. */
  readonly workMiB: number;
  readonly services?: readonly string[];
  readonly images?: readonly string[];
}
export type PresetName = keyof typeof given;

export const presets: Readonly<Record<PresetName, Preset>> = given;
export const presetNames = Object.keys(given) as PresetName[];
export const defaultPreset: PresetName = "full";

export const isPresetName = (value: unknown): value is PresetName =>
  typeof value === "string" && Object.hasOwn(given, value);

/** What a platform object starts from. */
export interface Base {
  readonly preset: PresetName;
  /** Built-in services that are enabled by default, and that the preset has not. */
  readonly leftOut: ReadonlySet<string>;
}

export const fullBase: Base = { preset: defaultPreset, leftOut: new Set() };

/**
 * The preset of a platform object that is not validated yet: the schema reports an unknown name, which counts
 * as the default here. Services of `serviceFiles` are in no preset, and stay as they are.
 */
export function baseOf(platform: unknown, builtIn: readonly ServiceDefinition[]): Base {
  const value = (platform as { preset?: unknown } | null | undefined)?.preset;
  if (!isPresetName(value)) return fullBase;
  const { services } = presets[value];
  const out = builtIn.filter(
    ({ name, enabledByDefault }) => enabledByDefault !== false && !services?.includes(name),
  );
  return { preset: value, leftOut: new Set(services ? out.map(({ name }) => name) : []) };
}

/** Whether a value that the file leaves open comes from the preset. */
export function isOfPreset({ preset, leftOut }: Base, path: readonly (string | number)[]): boolean {
  if (preset === defaultPreset) return false;
  const [first, second, third] = path;
  if (first === "budget") return second === "memory" && path.length === 2;
  return first === "services" && third === "enabled" && path.length === 3 && leftOut.has(String(second));
}
