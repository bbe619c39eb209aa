import { DatalabError } from "../errors.ts";
import { imageTag, isExternal } from "../images/catalog.ts";
import type { ImagesModel } from "../model/platform.ts";

/**
 * The name that an image has where containers run: its content's tag when it is built there, else its digest.
 */
export function imageReference(name: string, images: ImagesModel): string {
  if (images.source === "build") return imageTag(name);
  const digest = images.digests[name];
  // What comes from a public registry stays there.
  if (isExternal(name) && digest) return `${name.replace(/:[^:/]*$/, "")}@${digest}`;
  if (!digest || !images.registry) {
    throw new DatalabError(
      "E_IMAGE_MISSING",
      `images.digests has no entry for ${name}, or images.registry is not set.`,
      {
        hint: "With images.source: registry, every image is named by its digest: ./datalab images push --to REGISTRY",
      },
    );
  }
  return `${images.registry}/${name}@${digest}`;
}

/** The tag or digest, without the image's name: what changes when the workload's program does. */
export const releaseOf = (reference: string): string => reference.split(/[:@]/).at(-1) as string;
