import { DatalabError } from "../../errors.ts";
import type { PlatformOutput, ServiceOutput } from "../../outputs/platform.ts";
import { findService } from "./services.ts";

/** What the command line names. */
export interface Selection {
  readonly names: readonly string[];
  readonly all: boolean;
}

/**
 * The services that are named, in the order they start. Throws for an unknown name, or when none is named.
 */
export function selectServices(platform: PlatformOutput, { names, all }: Selection): ServiceOutput[] {
  if (all && names.length > 0) throw usage("Name services or pass --all, not both.");
  if (!all && names.length === 0) {
    throw usage(
      "Expected the name of a service.",
      "Name one or more, or pass --all; ./datalab services list shows them.",
    );
  }
  const wanted = new Set(names.map((name) => findService(platform, name).name));
  return platform.services.filter(({ name }) => all || wanted.has(name));
}

/** Services that can't work without one of these, directly or by others; not these themselves. */
export function dependentsOf(platform: PlatformOutput, chosen: readonly ServiceOutput[]): ServiceOutput[] {
  return reach(platform, chosen, (service, found) => service.dependsOn.some((name) => found.has(name)));
}

/** Services that these can't work without, directly or by others; not these themselves. */
export function dependenciesOf(platform: PlatformOutput, chosen: readonly ServiceOutput[]): ServiceOutput[] {
  const named = new Map(platform.services.map((service) => [service.name, service]));
  return reach(platform, chosen, (service, found) =>
    [...found].some((name) => named.get(name)?.dependsOn.includes(service.name)),
  );
}

function reach(
  platform: PlatformOutput,
  from: readonly ServiceOutput[],
  joins: (service: ServiceOutput, found: ReadonlySet<string>) => boolean,
): ServiceOutput[] {
  const found = new Set(from.map(({ name }) => name));
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const service of platform.services) if (joins(service, found)) found.add(service.name);
  }
  return platform.services.filter((service) => found.has(service.name) && !from.includes(service));
}

function usage(message: string, hint?: string): DatalabError {
  return new DatalabError("E_USAGE", message, hint ? { hint } : {});
}
