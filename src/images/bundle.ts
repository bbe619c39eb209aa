import { fileURLToPath } from "node:url";
import type { BuildOptions } from "esbuild";

/** How the core becomes one file that the image `core` carries: `build({ ...bundleOptions, outfile })`. */
export const bundleOptions = {
  entryPoints: [fileURLToPath(new URL("../core/main.ts", import.meta.url))],
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  minify: true,
  legalComments: "none",
  // pg asks for its native binding in a try block; it is not shipped.
  external: ["pg-native"],
  // CommonJS packages (prom-client, pg) call require for Node's own modules, which an ES module does not
  // have.
  banner: {
    js: 'import { createRequire as datalabRequire } from "node:module"; const require = datalabRequire(import.meta.url);',
  },
} as const satisfies BuildOptions;
