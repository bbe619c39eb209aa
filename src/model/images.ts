import type { PlatformModel } from "./platform.ts";
import { refsOf } from "./refs.ts";

/** Logical names of all images that a stack runs: those of its workloads, and those that workloads start. */
export function imagesOf(model: PlatformModel): string[] {
  const workloads = model.services.flatMap((service) => service.workloads);
  const named = workloads
    .flatMap((w) => [...w.command, ...Object.values(w.env), ...Object.values(w.files)])
    .flatMap(refsOf)
    .flatMap((ref) => (ref.ref === "image" ? [ref.name] : []));
  const spawned = workloads.flatMap((w) => w.spawns.map(({ image }) => image));
  return [...new Set([...workloads.map((w) => w.image), ...spawned, ...named])];
}
