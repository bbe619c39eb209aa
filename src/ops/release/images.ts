import { imageTag, isExternal } from "../../images/catalog.ts";
import { imagesOf } from "../../model/images.ts";
import type { PlatformModel } from "../../model/platform.ts";
import { dockerRun } from "../docker/cli.ts";
import type { ReleaseImage } from "./record.ts";

interface Inspected {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
}

/**
 * What each image of a model is: from a registry its digest; built here its tag, its id, and its digest once
 * it was pushed.
 */
export async function releaseImages(model: PlatformModel): Promise<Record<string, ReleaseImage>> {
  const names = imagesOf(model).sort();
  if (model.images.source === "registry") {
    const of = (name: string) => ({ tag: null, digest: model.images.digests[name] ?? null, id: null });
    return Object.fromEntries(names.map((name) => [name, of(name)]));
  }
  const tags = names.map(imageTag);
  // Those that are missing are told on stderr; the others are printed all the same.
  const { stdout } = await dockerRun(["image", "inspect", ...tags]);
  const found = JSON.parse(stdout.trim() || "[]") as Inspected[];
  return Object.fromEntries(
    names.map((name, i) => {
      const tag = tags[i] as string;
      const image = found.find(({ RepoTags }) => RepoTags?.includes(tag));
      const digest = image?.RepoDigests?.map((text) => text.split("@")[1]).find(Boolean) ?? null;
      return [name, { tag: isExternal(name) ? name : tag, digest, id: image?.Id ?? null }];
    }),
  );
}
