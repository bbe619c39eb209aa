/**
 * Which images exist, what goes into each, and the tag that follows from it. Reads files and hashes them,
 * nothing else: the program calls this on every preview.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatalabError } from "../errors.ts";
import { bundleInputs } from "./bundle-inputs.ts";
import { type ContextFile, filesUnder, goSources, pipelineFolders, servicePrograms } from "./context.ts";
import { type Lock, readLock } from "./lock.ts";

/** The images that workloads run, by logical name. */
export const imageNames = [
  "base",
  "python",
  "pipelines",
  "services",
  "spark",
  "notebook",
  "dashboard",
  "core",
  "gateway",
  "test",
  "browser",
] as const;
export type ImageName = (typeof imageNames)[number];

/** What the platform itself runs, which set-up builds; `test` and `browser` are built when the tests are. */
export const platformImages = imageNames.filter((name) => !["base", "test", "browser"].includes(name));

/** `debian` is the root file system that `base` starts from: pulled, or made with debootstrap. */
export type LayerName = ImageName | "debian";

/**
 * A program that is fetched, compiled or bundled on the host and copied into an image's build context:
 * `node`, one of `bundles`, or one of the lock's `programs`.
 */
export type Artifact = string;

/** JavaScript bundles, by file name: the file that each begins with. */
export const bundles: Readonly<Record<string, string>> = {
  "core.mjs": "src/core/main.ts",
  "agent.mjs": "src/agent/main.ts",
  "notebook-proxy.mjs": "src/notebook-proxy/main.ts",
};

/** Everything an image is made of. */
export interface ImageInputs {
  readonly name: LayerName;
  /** Images that must exist first, with the build argument that carries their tag. */
  readonly parents: readonly { readonly argument: string; readonly name: LayerName }[];
  /** Build arguments taken from the lock file. */
  readonly arguments: Readonly<Record<string, string>>;
  /** Files of the build context, by their path in it. */
  readonly files: readonly ContextFile[];
  readonly artifacts: readonly Artifact[];
  /**
   * Lines that identify what the files alone do not: lock entries, parents' tags, the bundle's dependencies.
   */
  readonly facts: readonly string[];
}

/** An unknown image name. */
export class UnknownImageError extends DatalabError {
  constructor(name: string) {
    super("E_IMAGE_UNKNOWN", `There is no image "${name}".`, {
      hint: `The images are ${imageNames.join(", ")}.`,
    });
    this.name = "UnknownImageError";
  }
}

const here = import.meta.dirname;
const projectRoot = resolve(here, "../..");

interface Recipe {
  readonly parents: ImageInputs["parents"];
  readonly lock?: readonly (keyof Lock)[];
  readonly arguments?: (lock: Lock) => Record<string, string>;
  readonly artifacts?: readonly Artifact[];
  readonly files?: (root: string) => ContextFile[];
}

const parent = (name: LayerName, argument = "PARENT"): ImageInputs["parents"][number] => ({ argument, name });
const file = (root: string, path: string, to: string): ContextFile => ({ from: join(root, path), to });

const recipes: Readonly<Record<LayerName, Recipe>> = {
  debian: { parents: [], lock: ["debian"] },
  base: { parents: [parent("debian")] },
  python: {
    parents: [parent("base")],
    lock: ["uv", "python"],
    arguments: (lock) => ({ UV_VERSION: lock.uv.version }),
    files: (root) => [
      file(root, "pipelines/requirements.lock", "requirements.lock"),
      ...filesUnder(join(root, "pipelines/datalab"), "datalab"),
      ...servicePrograms(root, "services"),
    ],
  },
  pipelines: {
    parents: [parent("python")],
    files: (root) => pipelineFolders(join(root, "pipelines")),
  },
  services: {
    parents: [parent("base")],
    lock: ["postgresql"],
    arguments: (lock) => ({ POSTGRESQL_MAJOR: lock.postgresql.major }),
    artifacts: ["minio", "mc", "versitygw", "alertmanager", "amtool", "victoria-logs"],
  },
  spark: {
    parents: [parent("python"), parent("base", "BASE")],
    lock: ["spark"],
    arguments: ({ spark }) => ({
      JAVA_MAJOR: spark.java,
      SPARK_VERSION: spark.version,
      SPARK_SHA256: spark.sha256,
      JARS: Object.entries(spark.jars)
        .map(([coordinates, sha256]) => `${coordinates}=${sha256}`)
        .join(" "),
    }),
    files: (root) => [file(root, "src/images/python/pip-host", "pip-host")],
  },
  core: { parents: [parent("base")], lock: ["node"], artifacts: ["node", ...Object.keys(bundles)] },
  gateway: { parents: [parent("base")], artifacts: ["gateway"] },
  test: {
    parents: [parent("pipelines"), parent("services", "SERVICES")],
    lock: ["uv"],
    arguments: (lock) => ({ UV_VERSION: lock.uv.version }),
    files: (root) => [
      file(root, "pipelines/requirements-test.lock", "requirements-test.lock"),
      file(root, "src/images/python/pip-host", "pip-host"),
      ...["pyproject.toml", "requirements.lock"].map((name) =>
        file(root, `pipelines/${name}`, `project/${name}`),
      ),
      ...filesUnder(join(root, "pipelines"), "project", ["datalab", "tests", ...pipelineNames(root)]),
      ...filesUnder(join(root, "src/notebooks/hub"), "project/hub"),
      ...servicePrograms(root, "project/services"),
    ],
  },
  notebook: {
    parents: [parent("python")],
    files: (root) => filesUnder(join(root, "src/notebooks"), "notebooks"),
  },
  dashboard: {
    parents: [parent("python")],
    files: (root) => filesUnder(join(root, "src/dashboard"), "dashboard"),
  },
  browser: { parents: [parent("base")] },
};

function pipelineNames(root: string): string[] {
  const names = pipelineFolders(join(root, "pipelines")).map((entry) => entry.to.split("/")[1] ?? "");
  return [...new Set(names)];
}

/** Everything that goes into an image. */
export function imageInputs(
  name: LayerName,
  root: string = projectRoot,
  lock: Lock = readLock(root),
): ImageInputs {
  const recipe = recipes[name];
  if (recipe === undefined) throw new UnknownImageError(name);
  const files = [
    ...filesUnder(join(root, "src/images", name), ""),
    ...(recipe.files?.(root) ?? []).filter((entry) => existsSync(entry.from)),
  ].sort((a, b) => (a.to < b.to ? -1 : 1));
  const facts = (recipe.lock ?? []).map((key) => `lock ${key} ${JSON.stringify(lock[key])}`);
  for (const artifact of recipe.artifacts ?? []) {
    const entry = bundles[artifact];
    if (entry !== undefined) facts.push(...bundleInputs(root, entry));
    const program = lock.programs[artifact];
    if (program !== undefined) facts.push(`program ${artifact} ${JSON.stringify(program)}`);
    const folder = lock.ownPrograms[artifact];
    if (folder !== undefined)
      facts.push(`program ${artifact} go ${lock.go.toolchain} ${goSources(join(root, folder)).hash}`);
  }
  return {
    name,
    parents: recipe.parents,
    arguments: recipe.arguments?.(lock) ?? {},
    files,
    artifacts: recipe.artifacts ?? [],
    facts,
  };
}

/** Computes tags, reading every file once. Use one for a whole run when many tags are asked for. */
export class Catalog {
  readonly root: string;
  readonly lock: Lock;
  readonly #tags = new Map<LayerName, string>();
  readonly #inputs = new Map<LayerName, ImageInputs>();

  constructor(root: string = projectRoot) {
    this.root = root;
    this.lock = readLock(root);
  }

  inputs(name: LayerName): ImageInputs {
    const known = this.#inputs.get(name);
    if (known !== undefined) return known;
    const inputs = imageInputs(name, this.root, this.lock);
    this.#inputs.set(name, inputs);
    return inputs;
  }

  /** `datalab/<name>:<first 16 hex digits of the sha256 of all inputs>`. */
  tag(name: LayerName): string {
    const known = this.#tags.get(name);
    if (known !== undefined) return known;
    const inputs = this.inputs(name);
    const hash = createHash("sha256");
    const line = (...parts: string[]) => hash.update(`${parts.join("\0")}\n`);
    for (const { argument, name: parentName } of inputs.parents)
      line("parent", argument, this.tag(parentName));
    for (const [key, value] of Object.entries(inputs.arguments)) line("argument", key, value);
    for (const fact of inputs.facts) line("fact", fact);
    for (const entry of inputs.files) {
      line("file", entry.to, createHash("sha256").update(readFileSync(entry.from)).digest("hex"));
    }
    const tag = `datalab/${name}:${hash.digest("hex").slice(0, 16)}`;
    this.#tags.set(name, tag);
    return tag;
  }

  /** The named images and everything below them, each after what it is built from. */
  required(names: readonly string[]): LayerName[] {
    const order: LayerName[] = [];
    const visit = (name: LayerName): void => {
      if (order.includes(name)) return;
      for (const { name: parentName } of this.inputs(name).parents) visit(parentName);
      order.push(name);
    };
    for (const name of names) visit(asImageName(name));
    return order;
  }
}

/** Checks a name that comes from outside. */
export function asImageName(name: string): ImageName {
  const known = imageNames.find((candidate) => candidate === name);
  if (known === undefined) throw new UnknownImageError(name);
  return known;
}

/**
 * Whether a logical name is that of an image in a public registry, such as `grafana/grafana:12.1.1`: pulled,
 * never built.
 */
export const isExternal = (name: string): boolean => name.includes("/");

/** Read once a run: a tag hashes every file below it. */
let current: Catalog | undefined;

/** The tag of an image for the files as they are in this run. */
export function imageTag(name: string): string {
  if (isExternal(name)) return name;
  current ??= new Catalog();
  return current.tag(asImageName(name));
}

/**
 * The named images and what they are built from, in build order; the Debian root file system is not listed.
 */
export function requiredImages(names: readonly string[]): ImageName[] {
  return new Catalog().required(names).filter((name) => name !== "debian");
}
