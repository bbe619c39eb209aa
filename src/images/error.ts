import { DatalabError } from "../errors.ts";

/** An image could not be built: says which, with the build's last lines, and what to do. */
export class ImageBuildError extends DatalabError {
  readonly image: string;
  constructor(image: string, lines: readonly string[], fix: string) {
    const tail = lines.slice(-30).map((line) => `  │ ${line}`);
    super("E_IMAGE_BUILD", [`image "${image}" could not be built:`, ...tail].join("\n"), { hint: fix });
    this.name = "ImageBuildError";
    this.image = image;
  }
}
