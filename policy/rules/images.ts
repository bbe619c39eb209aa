import { containersOf, docker, podOf, type ResourceRule, show } from "./rule.ts";

/** What can't become another image: an id of a Docker host, or a digest of a registry. */
const fixed = /^(?:sha256:|[^@\s]+@sha256:)[0-9a-f]{64}$/;

export const digestsOnly: ResourceRule = {
  name: "digests-only",
  summary: "Images are named by id or digest, not by a tag that can move.",
  check(resource) {
    const pod = podOf(resource);
    const images =
      resource.type === docker.container
        ? [resource.props.image]
        : pod
          ? containersOf(pod).map(({ image }) => image)
          : [];
    return images
      .filter((image) => !fixed.test(String(image)))
      .map((image) => `expected an image by id or digest, received ${show(image)}`);
  },
};
