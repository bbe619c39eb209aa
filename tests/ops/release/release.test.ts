import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import packageJson from "../../../package.json" with { type: "json" };
import { backendUrl } from "../../../src/ops/engine/state-location.ts";
import { gitState } from "../../../src/ops/git.ts";
import { releaseDiff, releaseDiffText } from "../../../src/ops/release/diff.ts";
import { findRelease, listReleases, recordRelease } from "../../../src/ops/release/release.ts";
import { releaseStore } from "../../../src/ops/release/store.ts";
import { setVariable, standIn } from "../../support/programs.ts";
import { declare, makeProject, platformYaml } from "../../support/project.ts";
import { platform } from "../fixture-platform.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const yaml = (more = "", core = "a") =>
  `${platformYaml(`
  images:
    source: registry
    registry: registry.example.com/lab
    digests: { core: "${digest(core)}", services: "${digest("b")}", pipelines: "${digest("c")}", python: "${digest("e")}" }
  services:
    prefect:
      options: { retention: 7d }
${more}`)}  datalab:masterSecret:\n    secure: v1:abc\n`;

const git = (project: string, ...args: string[]) =>
  execFileSync("git", ["-C", project, "-c", "user.name=ann", "-c", "user.email=ann@example.com", ...args], {
    encoding: "utf8",
  }).trim();

/** A project in git with one commit. */
function inGit(files: Record<string, string> = { "Pulumi.dev.yaml": yaml() }): string {
  const project = makeProject({ ".gitignore": ".datalab/\n", ...files });
  git(project, "init", "--quiet");
  git(project, "add", "--all");
  git(project, "commit", "--quiet", "--message", "first");
  return project;
}

const step = (op: string, name: string) =>
  ({ op, name, type: "docker:index/container:Container", urn: `u::${name}`, state: "done" }) as const;

const deployedOf = (project: string, more = {}) => ({
  project,
  ...declare(project),
  platform: { ...platform(), release: "0123456789abcdef" },
  changes: { create: 2, same: 1 },
  steps: [step("create", "core"), step("create", "prefect"), step("same", "postgres")],
  now: new Date("2026-01-31T12:00:00Z"),
  ...more,
});

describe("what an up has deployed", () => {
  test("is recorded with images, pipelines, configuration, commit, who and when", async () => {
    const project = inGit();
    const { model, environment } = declare(project);
    const id = await recordRelease(deployedOf(project));
    expect(id).toBe("20260131-120000-01234567");
    const file = join(project, ".datalab/releases/dev", `${id}.json`);
    const record = JSON.parse(readFileSync(file, "utf8"));
    expect(record).toEqual({
      format: 1,
      id,
      stack: "dev",
      target: "docker",
      at: "2026-01-31T12:00:00.000Z",
      by: { user: userInfo().username, host: hostname() },
      content: "0123456789abcdef",
      git: { commit: git(project, "rev-parse", "HEAD"), dirty: [] },
      schema: { version: packageJson.version, config: expect.stringMatching(/^[0-9a-f]{16}$/) },
      images: {
        core: { tag: null, digest: digest("a"), id: null },
        pipelines: { tag: null, digest: digest("c"), id: null },
        python: { tag: null, digest: digest("e"), id: null },
        services: { tag: null, digest: digest("b"), id: null },
      },
      services: Object.fromEntries(model.services.map((s) => [s.name, s.version])),
      pipelines: { hello: model.pipelines[0]?.version },
      given: {
        images: {
          source: "registry",
          registry: "registry.example.com/lab",
          digests: {
            core: digest("a"),
            services: digest("b"),
            pipelines: digest("c"),
            python: digest("e"),
          },
        },
        services: { prefect: { options: { retention: "7d" } } },
      },
      config: expect.objectContaining({ target: "docker", portOffset: 0 }),
      capacity: expect.objectContaining({
        postgres: { memoryBytes: 512 * 2 ** 20, milliCpu: 250, storageBytes: 10 * 2 ** 30 },
      }),
      volumes: [
        { name: "postgres-data", service: "postgres", policy: "retain" },
        { name: "object-store-data", service: "object-store", policy: "retain" },
      ],
      changes: { create: 2, same: 1 },
      steps: [
        { op: "create", type: "docker:index/container:Container", name: "core" },
        { op: "create", type: "docker:index/container:Container", name: "prefect" },
      ],
      promoted: null,
      restores: null,
    });
    expect(environment.config.services).toMatchObject(record.config.services);
    expect(readFileSync(file, "utf8")).not.toContain("v1:abc");
  });

  test("is not recorded again when nothing has changed", async () => {
    const project = inGit();
    const first = await recordRelease(deployedOf(project));
    const again = deployedOf(project, { steps: [], changes: { same: 3 }, now: new Date() });
    expect(await recordRelease(again)).toBe(first);
    expect((await listReleases(project, "dev")).map(({ id }) => id)).toEqual([first]);
  });

  test("is another release when it comes from another commit or configuration", async () => {
    const project = inGit();
    await recordRelease(deployedOf(project));
    writeFileSync(join(project, "Pulumi.dev.yaml"), yaml("  portOffset: 1\n"));
    const later = new Date("2026-01-31T12:00:01Z");
    const id = await recordRelease(deployedOf(project, { steps: [], now: later }));
    const records = await listReleases(project, "dev");
    expect(records.map((record) => [record.id, record.git.dirty])).toEqual([
      ["20260131-120000-01234567", []],
      ["20260131-120001-01234567", ["Pulumi.dev.yaml"]],
    ]);
    expect(id).toBe("20260131-120001-01234567");
  });

  test("leaves hashes of passwords out, and versions of secrets in", async () => {
    const hash = `"$2y$12$${"a".repeat(53)}"`;
    const { services } = await import("../../../src/services/index.ts");
    const more = `    gateway:
      options: { users: [{ name: ann, hash: ${hash} }], sessionHours: 8 }
  secrets: { versions: { prefect/admin: 2 } }
`;
    const project = inGit({ "Pulumi.dev.yaml": yaml(more) });
    const { loadEnvironment } = await import("../../../src/config/load.ts");
    const environment = loadEnvironment(project, "dev", services);
    const { model } = declare(makeProject({ "Pulumi.dev.yaml": yaml() }));
    await recordRelease({
      project,
      environment,
      model,
      platform: platform(),
      changes: {},
      steps: [],
    });
    const [record] = await listReleases(project, "dev");
    expect(record?.given).toMatchObject({
      services: { gateway: { options: { sessionHours: 8 } } },
      secrets: { versions: { "prefect/admin": 2 } },
    });
    expect(JSON.stringify(record)).not.toContain("$2y$");
  });

  test("has tag and id of what was built here, and the digest of what was pushed since", async () => {
    const { imageTag } = await import("../../../src/images/catalog.ts");
    standIn(
      "docker",
      `console.log(JSON.stringify([
        { Id: "${digest("1")}", RepoTags: [args.find((a) => a.startsWith("datalab/core:"))], RepoDigests: [] },
        { Id: "${digest("2")}", RepoTags: [args.find((a) => a.startsWith("datalab/services:"))],
          RepoDigests: ["registry.example.com/lab/services@${digest("3")}"] },
      ])); process.exitCode = 1;`,
    );
    const project = inGit({ "Pulumi.dev.yaml": "" });
    await recordRelease(deployedOf(project));
    expect((await findRelease(project, "dev", "latest")).images).toEqual({
      core: { tag: imageTag("core"), digest: null, id: digest("1") },
      pipelines: { tag: imageTag("pipelines"), digest: null, id: null },
      python: { tag: imageTag("python"), digest: null, id: null },
      services: { tag: imageTag("services"), digest: digest("3"), id: digest("2") },
    });
  });
});

describe("git", () => {
  test("files of other stacks, and keys beside the platform's object, make nothing dirty", async () => {
    const project = inGit({ "Pulumi.dev.yaml": yaml(), "Pulumi.prod.yaml": yaml() });
    writeFileSync(join(project, "Pulumi.prod.yaml"), "");
    writeFileSync(join(project, "Pulumi.team-a.yaml"), "");
    writeFileSync(join(project, "Pulumi.dev.yaml"), `encryptionsalt: v1:x\n${yaml()}`);
    expect((await gitState(project, "dev")).dirty).toEqual([]);
    writeFileSync(join(project, "new.py"), "");
    writeFileSync(join(project, "pipelines/hello/flow.py"), "def hello():\n    return 1\n");
    expect((await gitState(project, "dev")).dirty).toEqual(["new.py", "pipelines/hello/flow.py"]);
  });

  test("a project that is in none has no commit", async () => {
    expect(await gitState(makeProject({}), "dev")).toEqual({ commit: null, dirty: [] });
  });
});

describe("a release is found", () => {
  async function three(): Promise<string> {
    const project = inGit();
    for (const second of ["00", "01", "02"])
      await recordRelease(deployedOf(project, { now: new Date(`2026-01-31T12:00:${second}Z`) }));
    return project;
  }

  test.each([
    ["latest", "20260131-120002-01234567"],
    ["previous", "20260131-120001-01234567"],
    ["20260131-120000", "20260131-120000-01234567"],
    ["dev:latest", "20260131-120002-01234567"],
  ])("by %s", async (word, id) => {
    expect((await findRelease(await three(), "dev", word)).id).toBe(id);
  });

  test.each([
    ["2026", "E_RELEASE", '"2026" begins 3 releases of the stack dev.'],
    ["x1", "E_RELEASE", "The stack dev has no release x1."],
    ["staging:latest", "E_RELEASE", /^No release of the stack staging is recorded in /],
  ])("not by %s", async (word, code, message) => {
    await expect(findRelease(await three(), "dev", word)).rejects.toMatchObject({
      code,
      message: typeof message === "string" ? message : expect.stringMatching(message),
    });
  });

  test("a record that was changed by hand is refused", async () => {
    const project = await three();
    const folder = join(project, ".datalab/releases/dev");
    writeFileSync(join(folder, readdirSync(folder).sort().at(-1) as string), '{"format":2}');
    await expect(findRelease(project, "dev", "latest")).rejects.toMatchObject({
      code: "E_RELEASE",
      message: expect.stringMatching(/^The record of release 20260131-120002-01234567 can't be read \(/),
    });
  });
});

test("two releases are compared by image, pipeline and value", async () => {
  const project = inGit();
  const a = await findRelease(project, "dev", await recordRelease(deployedOf(project)));
  writeFileSync(join(project, "Pulumi.dev.yaml"), yaml("  portOffset: 1\n", "d"));
  const now = new Date("2026-01-31T12:00:01Z");
  const b = await findRelease(project, "dev", await recordRelease(deployedOf(project, { now })));
  const diff = releaseDiff(a, b);
  expect(diff).toMatchObject({ commit: null, services: [], pipelines: [] });
  expect(releaseDiffText(diff)).toBe(`dev 20260131-120000-01234567 → dev 20260131-120001-01234567
Images
  core  digest aaaaaaaaaaaa → digest dddddddddddd
Configuration
  portOffset           0 → 1
  images.digests.core  "${digest("a")}" → "${digest("d")}"`);
  expect(releaseDiffText(releaseDiff(a, a))).toBe(
    "dev 20260131-120000-01234567 and dev 20260131-120000-01234567 are the same.",
  );
});

describe("the place of the records", () => {
  test("is beside the state of the project's backend", () => {
    const project = makeProject({ "Pulumi.yaml": "name: x\nbackend:\n  url: file://./.datalab/state\n" });
    expect(backendUrl(project)).toBe("file://./.datalab/state");
    expect(releaseStore(project).place).toBe(join(project, ".datalab/releases"));
  });

  test.each([
    ["file:///srv/team/state", "/srv/team/state/releases"],
    ["s3://team-bucket/lab?region=eu-central-1", "s3://team-bucket/lab/releases"],
    ["s3://team-bucket", "s3://team-bucket/releases"],
  ])("%s → %s", (url, place) => {
    setVariable("PULUMI_BACKEND_URL", url);
    expect(releaseStore(makeProject({})).place).toBe(place);
  });

  test("nobody else reads a record on this machine", async () => {
    const project = inGit();
    mkdirSync(join(project, ".datalab"), { recursive: true });
    await recordRelease(deployedOf(project));
    const { statSync } = await import("node:fs");
    const file = join(project, ".datalab/releases/dev/20260131-120000-01234567.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});
