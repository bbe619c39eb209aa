/** The images from the command line, for set-up: `main.ts missing|build|tags|prune [NAME...] [--verbose]`. */
import { ensureImages, missingImages, pruneImages } from "./build.ts";
import { Catalog, imageNames, isExternal, platformImages } from "./catalog.ts";

async function main(argv: readonly string[]): Promise<number> {
  const [action = "", ...rest] = argv.filter((argument) => argument !== "--verbose");
  const names = rest.length > 0 ? rest : platformImages;
  switch (action) {
    case "missing": {
      const missing = await missingImages(names.filter((name) => !isExternal(name)));
      if (missing.length > 0) console.log(missing.join("\n"));
      return missing.length === 0 ? 0 : 1;
    }
    case "build": {
      const interrupt = new AbortController();
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        // A terminal and a parent may both send it: repeats must not cut the clean-up short.
        process.on(signal, () => interrupt.abort(new Error("interrupted")));
      }
      const verbose = argv.includes("--verbose");
      await ensureImages(names, {
        verbose,
        signal: interrupt.signal,
        onProgress: (line) => console.error(line),
      });
      return 0;
    }
    case "tags": {
      const catalog = new Catalog();
      for (const name of imageNames) console.log(`${name} ${catalog.tag(name)}`);
      return 0;
    }
    case "prune":
      for (const tag of await pruneImages()) console.log(tag);
      return 0;
    default:
      console.error("usage: main.ts missing|build|tags|prune [NAME...] [--verbose]");
      return 2;
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`✖ ${error instanceof Error ? error.message : error}`);
  process.exitCode = error instanceof Error && error.message === "interrupted" ? 130 : 1;
}
