/** For set-up: `images-needed.ts STACK` prints the images that `up` of this stack builds, one a line. */

import { declare } from "../declare.ts";
import { imagesOf } from "../model/images.ts";

const project = new URL("../..", import.meta.url).pathname;
const { model } = declare(project, process.argv[2] ?? "dev");
// What comes from a registry is fetched by `up`.
if (model.images.source !== "registry") for (const name of imagesOf(model)) console.log(name);
