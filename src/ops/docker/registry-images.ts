import { isExternal } from "../../images/catalog.ts";
import { pullImage } from "../../images/pull.ts";
import { imagesOf } from "../../model/images.ts";
import type { PlatformModel } from "../../model/platform.ts";
import type { FetchOptions } from "../target.ts";

/** Pulls every image that the stack runs from its registry, by digest. */
export async function fetchRegistryImages(model: PlatformModel, options: FetchOptions): Promise<void> {
  for (const reference of referencesOf(model)) await pullImage(reference, options);
}

/** By digest; what comes from a public registry stays there. */
function referencesOf({ images, ...model }: PlatformModel): string[] {
  return imagesOf({ images, ...model }).flatMap((name) => {
    const digest = images.digests[name];
    if (digest === undefined) return [];
    return isExternal(name)
      ? [`${name.replace(/:[^:/]*$/, "")}@${digest}`]
      : images.registry
        ? [`${images.registry}/${name}@${digest}`]
        : [];
  });
}
