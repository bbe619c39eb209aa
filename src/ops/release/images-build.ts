import { ensureImages } from "../../images/build.ts";
import { type Reporter, runStep } from "../reporter.ts";

export interface ImagesBuildOptions {
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** Takes every line of the builds; without it the step shows which image is being built. */
  readonly onBuildLine?: (line: string) => void;
}

/** Builds those of the named images that are missing, as one step. */
export function buildImages(
  names: readonly string[],
  { reporter, signal, onBuildLine }: ImagesBuildOptions,
): Promise<void> {
  return runStep(
    reporter,
    "images",
    async (step) => {
      const { built } = await ensureImages(names, {
        signal,
        verbose: onBuildLine !== undefined,
        onProgress: onBuildLine ?? ((line) => step.update(line.replace(/^\[\s*[\d.]+s\] /, ""))),
      });
      const text = built.length === 0 ? "all exist" : `built ${built.map(({ image }) => image).join(", ")}`;
      return [undefined, text];
    },
    { signal },
  );
}
