import { dockerBinary, run } from "./docker.ts";
import { ImageBuildError } from "./error.ts";

/**
 * Fetches an image of a public registry when this Docker does not have it; the error says what to do without
 * one.
 */
export async function pullImage(
  reference: string,
  options: { readonly onProgress?: (line: string) => void; readonly signal?: AbortSignal },
): Promise<void> {
  const { onProgress, signal } = options;
  const here = await run(dockerBinary(), ["image", "inspect", "--format", "{{.Id}}", reference], { signal });
  if (here.code === 0) return;
  onProgress?.(`image ${reference}: pulling`);
  const pulled = await run(dockerBinary(), ["pull", "--quiet", reference], { signal });
  if (pulled.code === 0) return;
  throw new ImageBuildError(
    reference,
    pulled.lines,
    `this image comes from its registry. If the registry can't be reached, load the image (docker load) or disable its service`,
  );
}
