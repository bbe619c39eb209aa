import { spawnSync } from "node:child_process";
import { DatalabError } from "../../errors.ts";
import { imageReference } from "../../images/reference.ts";
import type { ImagesModel } from "../../model/platform.ts";

/** Logical image name -> what a container refers to it by. */
export type ImageIds = ReadonlyMap<string, string>;

/**
 * The ids of images that exist on the Docker host; an id, unlike a name, is what Docker reports back, so that
 * a refresh finds no difference. Nothing is built or pulled here, for previews call this too.
 */
export function resolveImages(names: readonly string[], images: ImagesModel): ImageIds {
  const references = names.map((name) => [name, imageReference(name, images)] as const);
  const docker = process.env.DATALAB_DOCKER ?? "docker";
  const found = spawnSync(
    docker,
    [
      "image",
      "inspect",
      "--format",
      "{{.Id}} {{json .RepoTags}} {{json .RepoDigests}}",
      ...references.map(([, r]) => r),
    ],
    { encoding: "utf8" },
  );
  if (found.error) {
    throw new DatalabError("E_DOCKER", `${docker} can't be run: ${found.error.message}`, {
      hint: "Run ./setup.sh.",
    });
  }
  if (/cannot connect|permission denied|is the docker daemon running/i.test(found.stderr)) {
    throw new DatalabError("E_DOCKER", `Docker does not answer: ${found.stderr.trim()}`, {
      hint: "Run ./setup.sh, which starts it, or start it as your system does.",
    });
  }
  const ids = new Map<string, string>();
  for (const line of found.stdout.split("\n").filter(Boolean)) {
    const [id, ...names_] = line.split(" ");
    for (const [name, reference] of references) {
      if (names_.join(" ").includes(`"${reference}"`)) ids.set(name, id as string);
    }
  }
  const missing = references.filter(([name]) => !ids.has(name));
  if (missing.length > 0) {
    throw new DatalabError(
      "E_IMAGE_MISSING",
      `Images are missing on this Docker host: ${missing.map(([, reference]) => reference).join(", ")}`,
      { hint: "Run `./datalab images build`; `./datalab up` does so by itself." },
    );
  }
  return ids;
}
