import { DatalabError } from "../errors.ts";
import type { ImagesModel } from "../model/platform.ts";
import { imageTag, isExternal } from "./catalog.ts";

/**
 * The name that an image has where containers run: the tag of its inputs when it is built there, else its
 * digest. Throws E_IMAGE_MISSING for an image without a digest.
 */
export function imageReference(name: string, images: ImagesModel): string {
  const reference = images.source === "build" ? imageTag(name) : digestReference(name, images);
  if (reference !== undefined) return reference;
  throw new DatalabError(
    "E_IMAGE_MISSING",
    `images.digests has no entry for ${name}, or images.registry is not set.`,
    {
      hint: "With images.source: registry, every image is named by its digest: ./datalab images push --to REGISTRY",
    },
  );
}

/**
 * `registry/name@digest`; undefined: the digest or the registry is not known. External images keep their own
 * registry.
 */
export function digestReference(name: string, { registry, digests }: ImagesModel): string | undefined {
  const digest = digests[name];
  if (digest === undefined) return undefined;
  if (isExternal(name)) return `${repositoryOf(name)}@${digest}`;
  return registry ? `${registry}/${name}@${digest}` : undefined;
}

/** An image's name without its tag; the port of a registry stays. */
export const repositoryOf = (name: string): string => name.replace(/:[^:/]*$/, "");

/** The tag or digest, without the image's name: what changes when the workload's program does. */
export const releaseOf = (reference: string): string => reference.split(/[:@]/).at(-1) as string;
