import { isExternal } from "../images/catalog.ts";
import { pullImage } from "../images/pull.ts";
import { imagesOf } from "../model/images.ts";
import type { PlatformModel } from "../model/platform.ts";

type Fetch = (model: PlatformModel, options: FetchOptions) => Promise<void>;
export interface FetchOptions {
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Who fetches images of a registry to where they run: on one host an up does, nodes of a cluster do it themselves. */
const fetchers: Readonly<Record<PlatformModel["target"], Fetch | undefined>> = {
  docker: async (model, options) => {
    for (const reference of referencesOf(model)) await pullImage(reference, options);
  },
  kubernetes: undefined,
  aws: undefined,
};

export async function fetchImages(model: PlatformModel, options: FetchOptions): Promise<void> {
  if (model.images.source === "registry") await fetchers[model.target]?.(model, options);
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
