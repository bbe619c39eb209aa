import { pullImage } from "../../images/pull.ts";
import { digestReference } from "../../images/reference.ts";
import { imagesOf } from "../../model/images.ts";
import type { PlatformModel } from "../../model/platform.ts";
import type { FetchOptions } from "../target.ts";

/** Pulls every image that the stack runs from its registry, by digest. */
export async function fetchRegistryImages(model: PlatformModel, options: FetchOptions): Promise<void> {
  const references = imagesOf(model).flatMap((name) => digestReference(name, model.images) ?? []);
  for (const reference of references) await pullImage(reference, options);
}
