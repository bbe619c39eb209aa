import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onlyInAll } from "../support/tier.ts";
import { comments } from "./support/release-comments.ts";
import { ReleaseStage, source, target, toy } from "./support/release-stage.ts";

const stage = new ReleaseStage();
beforeAll(() => stage.open());
afterAll(() => stage.close());

interface Release {
  readonly id: string;
  readonly commit: string | null;
  readonly dirty: boolean;
  readonly changes: Record<string, number>;
}
interface Preview {
  readonly steps: readonly { readonly op: string; readonly name: string; readonly type: string }[];
}
const file = `Pulumi.${source}.yaml`;
const up = async (stack: string, options = "") => {
  const ran = await stage.on(stack, `up ${options}`);
  expect(ran.code, ran.stderr).toBe(0);
  return ran.stdout;
};
const releases = (stack: string) => stage.json<Release[]>(stack, "release list");
/** Hashes are what they are; everything else is asserted word for word. */
const withoutHashes = (text: string) =>
  text.replace(/sha256:[0-9a-f]{12}/g, "sha256:ID").replace(/\b[0-9a-f]{16}\b/g, "HASH");

describe("a release", () => {
  test("is recorded by the first up, with its commit", async () => {
    await up(source);
    stage.commit("what the first up noted in the stack's file");
    await up(source);
    const [last, first, ...none] = await releases(source);
    expect(none).toEqual([]);
    expect([first?.dirty, last?.dirty]).toEqual([false, false]);
    expect(last?.commit).toBe(stage.git("rev-parse", "HEAD").trim());
    expect(first?.changes.create).toBeGreaterThan(15);
  });

  test("is not recorded again by an up that changes nothing, with every rule of policy looked at", async () => {
    expect(await up(source)).toMatch(/^0 changes in /m);
    expect(await releases(source)).toHaveLength(2);
  });
});

describe("a pull request", () => {
  const changes: Record<keyof typeof comments, () => unknown> = {
    nothing: () => {},
    resize: () =>
      stage.edit(file, "services:", "services:\n      postgres: { resources: { main: { memory: 640Mi } } }"),
    "new service": () =>
      stage.edit(file, "node-exporter:\n        enabled: false", "node-exporter:\n        enabled: true"),
    "removed bucket": () => void stage.project.write("toy.yaml", toy("toy", false)),
    rename: () => void stage.project.write("toy.yaml", toy("game")),
    "image bump": async () => {
      stage.edit("src/core/main.ts", "import", "// bumped\nimport");
      expect((await stage.on(source, "images build core")).code).toBe(0);
    },
  };

  const commented = async (name: keyof typeof comments) => {
    try {
      await changes[name]();
      const ran = await stage.project.shell(`tools/ci/preview.sh ${source}`);
      expect(ran.code, ran.stderr).toBe(0);
      expect(withoutHashes(ran.stdout)).toBe(comments[name]);
      const json = JSON.parse(
        readFileSync(stage.project.path(`.datalab/ci/preview-${source}.json`), "utf8"),
      ) as Preview;
      expect(json.steps.map(({ op, name: step }) => `${op} ${step}`)).toEqual(stepsIn(comments[name]));
    } finally {
      stage.git("checkout", "--quiet", ".");
    }
  };
  const cases = Object.keys(changes) as (keyof typeof comments)[];
  const inDefault = (name: string) => name === "resize";
  test.each(cases.filter(inDefault))("with %s has this comment", commented);
  onlyInAll(() => test.each(cases.filter((name) => !inDefault(name)))("with %s has this comment", commented));

  /** `replace core`, as the comment's tables have them. */
  function stepsIn(comment: string): string[] {
    const ops: Record<string, string> = {
      Deleted: "delete",
      Replaced: "replace",
      Created: "create",
      Updated: "update",
    };
    let op = "";
    return comment.split("\n").flatMap((line) => {
      op = ops[/^\*\*(\w+)\*\*$/.exec(line)?.[1] ?? ""] ?? op;
      const name = /^\| \w+ \| `(.*?)` \|/.exec(line)?.[1];
      return name === undefined ? [] : [`${op} ${name}`];
    });
  }
});

describe("a saved plan", () => {
  test("is done exactly: the steps that were planned are those that are made", async () => {
    stage.project.write("toy.yaml", toy("game"));
    stage.edit(file, "services:", "services:\n      postgres: { resources: { main: { memory: 640Mi } } }");
    const planned = await stage.json<Preview>(source, "preview --save-plan .datalab/plan.json");
    await up(source, "--plan .datalab/plan.json");
    const { steps } = await stage.json<Preview>(source, "release show");
    const told = (all: Preview["steps"]) => all.map(({ op, type, name }) => `${op} ${type} ${name}`).sort();
    expect(told(steps.filter(({ type }) => !type.startsWith("pulumi:")))).toEqual(told(planned.steps));
    expect(planned.steps.length).toBeGreaterThan(5);
  });

  test("is refused once the world has moved", async () => {
    const ran = await stage.on(source, "up --plan .datalab/plan.json");
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("    the stack was changed by another update\n");
  });
});

describe("drift", () => {
  const docker = (...args: string[]) => stage.project.docker(...args);
  const own = (workload: string) => stage.container(source, workload);
  const byHand: Record<string, () => unknown> = {
    [`stopped container ${own("core")}`]: () => docker("stop", "--time", "1", own("core")),
    [`missing container ${own("core-files")}`]: () => docker("rm", own("core-files")),
    [`changed container ${own("postgres")}`]: () =>
      docker("update", "--memory", "700m", "--memory-swap", "700m", own("postgres")),
    [`changed container ${own("object-store")}`]: () =>
      docker("network", "disconnect", `datalab-${source}`, own("object-store")),
    [`changed container ${own("game-files")}`]: () =>
      docker(
        "run",
        "--rm",
        "--user",
        "0",
        "--volume",
        `${own("game-files")}:/x`,
        "--entrypoint",
        "rm",
        image(),
        "/x/server.mjs",
      ),
    "unknown container rel1-extra": () =>
      docker(
        "run",
        "--detach",
        "--network",
        "none",
        "--label",
        `datalab.stack=${source}`,
        "--name",
        "rel1-extra",
        "--entrypoint",
        "sleep",
        image(),
        "600",
      ),
    "unknown network rel1-extra": () =>
      docker("network", "create", "--label", `datalab.stack=${source}`, "rel1-extra"),
    "unknown volume rel1-extra": () =>
      docker("volume", "create", "--label", `datalab.stack=${source}`, "rel1-extra"),
    "foreign container rel1-stranger": () =>
      docker(
        "run",
        "--detach",
        "--network",
        `datalab-${source}`,
        "--name",
        "rel1-stranger",
        "--entrypoint",
        "sleep",
        image(),
        "600",
      ),
  };
  const image = () => docker("inspect", "--format", "{{.Image}}", own("core")).trim();
  interface Report {
    readonly items: readonly {
      readonly what: string;
      readonly kind: string;
      readonly name: string;
      readonly repair: string;
    }[];
  }
  const found = async (options = "") => {
    const ran = await stage.on(source, `drift ${options} --json`);
    const { items } = JSON.parse(ran.stdout) as Report;
    return { code: ran.code, items: items.map(({ what, kind, name }) => `${what} ${kind} ${name}`).sort() };
  };

  test("of nine kinds, made by hand, is found, and the source of a promotion is refused for it", async () => {
    expect(await found()).toEqual({ code: 0, items: [] });
    for (const make of Object.values(byHand)) make();
    expect(await found()).toEqual({ code: 3, items: Object.keys(byHand).sort() });
    const before = readFileSync(stage.project.path(`Pulumi.${target}.yaml`), "utf8");
    const ran = await stage.on("", `promote ${source} ${target} --yes`);
    expect(ran.code).toBe(1);
    for (const reason of [
      "health: core is stopped",
      "git: expected rel1 to be deployed from a commit",
      `drift: volume rel1-extra`,
    ])
      expect(ran.stderr).toContain(`✖ ${reason}`);
    expect(readFileSync(stage.project.path(`Pulumi.${target}.yaml`), "utf8")).toBe(before);
  });

  test("is repaired, and what may hold data, or is somebody else's, is left to people", async () => {
    expect(await found("--repair --yes")).toEqual({
      code: 3,
      items: ["foreign container rel1-stranger", "unknown volume rel1-extra"],
    });
    docker("rm", "--force", "rel1-stranger");
    docker("volume", "rm", "rel1-extra");
    expect(await found()).toEqual({ code: 0, items: [] });
  });
});

describe("a promotion", () => {
  const targetFile = () => readFileSync(stage.project.path(`Pulumi.${target}.yaml`), "utf8");
  const images = (stack: string) =>
    ["core", "postgres", "object-store", "game"].map((workload) =>
      stage.project.docker("inspect", "--format", "{{.Image}}", stage.container(stack, workload)).trim(),
    );

  test("takes what runs: the images are the same, comments are kept, sizes and secrets are the target's own", async () => {
    stage.commit("what runs");
    await up(source);
    const ran = await stage.on("", `promote ${source} ${target} --yes`);
    expect(ran.code, ran.stderr).toBe(0);
    expect(images(target)).toEqual(images(source));
    expect(targetFile()).toContain("# The stack at 6500.\n");
    expect(targetFile()).toContain("# all of them\n");
    expect(targetFile()).toContain("portOffset: 6500");
    expect(targetFile()).not.toContain("640Mi");
    const secret = async (stack: string) =>
      (await stage.json<{ value: string }>(stack, "secrets show postgres/admin")).value;
    expect(await secret(target)).not.toBe(await secret(source));
    const { promoted } = await stage.json<{ promoted: { from: string } }>(target, "release show");
    expect(promoted.from).toBe(source);
    expect((await stage.on(target, "up")).stdout).toMatch(/^0 changes in /m);
  });

  const takenBack = async () => {
    stage.edit(file, "node-exporter:\n        enabled: false", "node-exporter:\n        enabled: true");
    stage.commit("one service more");
    await up(source);
    const before = targetFile();
    const promoted = await stage.on("", `promote ${source} ${target} --yes`);
    expect(promoted.code, promoted.stderr).toBe(0);
    const running = () =>
      stage.project
        .docker("ps", "--filter", `label=datalab.stack=${target}`, "--format", "{{.Names}}")
        .split("\n");
    expect(running()).toContain(stage.container(target, "node-exporter"));
    const back = await stage.on("", `promote --rollback ${target} --yes`);
    expect(back.code, back.stderr).toBe(0);
    expect(running()).not.toContain(stage.container(target, "node-exporter"));
    expect(targetFile()).toBe(before);
    expect((await stage.on(target, "drift")).code).toBe(0);
  };
  onlyInAll(() => test("is taken back, containers and all", takenBack));
});
