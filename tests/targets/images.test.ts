import { chmodSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { DatalabError } from "../../src/errors.ts";
import { imageTag } from "../../src/images/catalog.ts";
import { imageReference } from "../../src/images/reference.ts";
import { resolveImages } from "../../src/targets/docker/images.ts";
import { makeProject } from "../support/project.ts";

const before = process.env.DATALAB_DOCKER;
afterEach(() => {
  if (before === undefined) delete process.env.DATALAB_DOCKER;
  else process.env.DATALAB_DOCKER = before;
});

/** Puts a program in Docker's place that says this on stdout and stderr. */
function docker(stdout: string, stderr = "", code = 0): void {
  const path = join(makeProject({ out: stdout, err: stderr }, { bare: true }), "docker");
  writeFileSync(path, `#!/bin/sh\ncat "\${0%/*}/out"\ncat "\${0%/*}/err" >&2\nexit ${code}\n`);
  chmodSync(path, 0o755);
  process.env.DATALAB_DOCKER = path;
}

const build = { source: "build", digests: {} } as const;
const digest = `sha256:${"a".repeat(64)}`;
const registry = {
  source: "registry",
  registry: "registry.example.com/team",
  digests: { core: digest },
} as const;

function errorOf(work: () => unknown): DatalabError {
  try {
    work();
  } catch (error) {
    if (error instanceof DatalabError) return error;
    throw error;
  }
  throw new Error("it worked");
}

describe("the name of an image", () => {
  test("is the tag of its inputs where it is built here", () => {
    expect(imageReference("core", build)).toBe(imageTag("core"));
    expect(imageReference("core", build)).toMatch(/^datalab\/core:[0-9a-f]{16}$/);
  });

  test("is a digest where it comes from a registry", () => {
    expect(imageReference("core", registry)).toBe(`registry.example.com/team/core@${digest}`);
  });

  test("of a public registry stays there, without its tag", () => {
    const digests = { "grafana/grafana:12.1.1": digest, "localhost:5000/team/x": digest };
    expect(imageReference("grafana/grafana:12.1.1", { ...registry, digests })).toBe(
      `grafana/grafana@${digest}`,
    );
    expect(imageReference("localhost:5000/team/x", { source: "registry", digests })).toBe(
      `localhost:5000/team/x@${digest}`,
    );
    expect(imageReference("grafana/grafana:12.1.1", build)).toBe("grafana/grafana:12.1.1");
  });

  test("is written in one file: nothing else puts a digest behind a name", () => {
    const root = join(import.meta.dirname, "../..");
    const joined = /\}@\$\{[^}]*digest|registry\}\/\$\{[^}]*\}@/i;
    const writers = globSync("src/**/*.ts", { cwd: root }).filter((path) =>
      joined.test(readFileSync(join(root, path), "utf8")),
    );
    // The base of our own images is no image of a stack: lock.json names it by its digest.
    expect(writers.sort()).toEqual(["src/images/debian.ts", "src/images/reference.ts"]);
  });

  test.each([
    ["has no digest", { ...registry, digests: {} }],
    ["is in no registry", { source: "registry", digests: { core: digest } } as const],
  ])("is asked for when it %s", (_what, images) => {
    expect(errorOf(() => imageReference("core", images))).toMatchObject({
      code: "E_IMAGE_MISSING",
      message: "images.digests has no entry for core, or images.registry is not set.",
      hint: "With images.source: registry, every image is named by its digest: ./datalab images push --to REGISTRY",
    });
  });
});

describe("the ids of images", () => {
  test("are what Docker answers, whatever their order", () => {
    const [core, python] = [imageTag("core"), imageTag("python")];
    docker(`sha256:222 ["${python}"] []\nsha256:111 ["other:1","${core}"] ["x@${digest}"]\n`);
    expect(resolveImages(["core", "python"], build)).toEqual(
      new Map([
        ["core", "sha256:111"],
        ["python", "sha256:222"],
      ]),
    );
  });

  test("of a registry are found by digest", () => {
    docker(`sha256:333 [] ["registry.example.com/team/core@${digest}"]\n`);
    expect(resolveImages(["core"], registry)).toEqual(new Map([["core", "sha256:333"]]));
  });

  test("that are missing are all named, with what makes them", () => {
    docker(`sha256:1 ["${imageTag("core")}"] []\n`, "Error: No such image: x\n", 1);
    expect(errorOf(() => resolveImages(["core", "python", "services"], build))).toMatchObject({
      code: "E_IMAGE_MISSING",
      message: `Images are missing on this Docker host: ${imageTag("python")}, ${imageTag("services")}`,
      hint: "Run `./datalab images build`; `./datalab up` does so by itself.",
    });
  });

  test.each([
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    "permission denied while trying to connect to the Docker daemon socket",
  ])("can't be had when Docker says: %s", (words) => {
    docker("", `${words}\n`, 1);
    expect(errorOf(() => resolveImages(["core"], build))).toMatchObject({
      code: "E_DOCKER",
      message: `Docker does not answer: ${words}`,
      hint: "Run ./setup.sh, which starts it, or start it as your system does.",
    });
  });

  test("can't be had without Docker", () => {
    process.env.DATALAB_DOCKER = "/nowhere/docker";
    expect(errorOf(() => resolveImages(["core"], build))).toMatchObject({
      code: "E_DOCKER",
      message: "/nowhere/docker can't be run: spawnSync /nowhere/docker ENOENT",
      hint: "Run ./setup.sh.",
    });
  });
});
