/** What goes wrong while images are built. */

/** An image could not be built. The message ends with the build's last lines and what to do. */
export class ImageBuildError extends Error {
  readonly code = "IMAGE_BUILD_FAILED";
  readonly image: string;
  constructor(image: string, lines: readonly string[], fix: string) {
    const tail = lines.slice(-30).map((line) => `  │ ${line}`);
    super([`image "${image}" could not be built:`, ...tail, `→ ${fix}`].join("\n"));
    this.name = "ImageBuildError";
    this.image = image;
  }
}
