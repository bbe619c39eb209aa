import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import lock from "../../../src/images/lock.json" with { type: "json" };
import type { ClusterModel } from "../../../src/model/platform.ts";
import { ensurePlugins } from "../../../src/ops/engine/plugins.ts";

const cluster = {} as ClusterModel;

describe("the engine's plugin for clusters", () => {
  let project: string;
  let before: string | undefined;
  const asked = join("asked.txt");
  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), "datalab-plugins-"));
    before = process.env.PULUMI_HOME;
    process.env.PULUMI_HOME = join(project, "home");
  });
  afterEach(() => {
    process.env.PULUMI_HOME = before;
    rmSync(project, { recursive: true, force: true });
  });
  const setUp = (end: string) => {
    writeFileSync(join(project, "setup.sh"), `#!/bin/sh\necho "$@" >${asked}\n${end}\n`);
    chmodSync(join(project, "setup.sh"), 0o755);
  };

  test("is not asked for by a stack on one host", async () => {
    await ensurePlugins(project, { cluster: null });
  });

  test("is left alone when it is there", async () => {
    const folder = join(project, "home/plugins", `resource-kubernetes-v${lock.pulumi.plugins.kubernetes}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "pulumi-resource-kubernetes.stamp"), "x\n");
    await ensurePlugins(project, { cluster });
  });

  test("is installed by set-up when it is missing, and people are told", async () => {
    setUp("echo '[ 0.1s] engine: building' >&2");
    const told: string[] = [];
    await ensurePlugins(
      project,
      { cluster },
      {
        step: (name) => ({
          update: (text) => told.push(`${name}: ${text}`),
          done: (text) => told.push(`${name} done: ${text}`),
          fail: () => told.push(`${name} failed`),
        }),
      },
    );
    expect(readFileSync(join(project, asked), "utf8")).toBe("--with kubernetes --only engine\n");
    expect(told).toEqual([
      "set-up: installing the engine's plugin for kubernetes; this takes minutes if it has to be built",
      "set-up: engine: building",
      "set-up done: the plugin for kubernetes is in place",
    ]);
  });

  test("that can't be installed ends the command with set-up's own words", async () => {
    setUp("echo 'no space left' >&2; exit 1");
    await expect(ensurePlugins(project, { cluster })).rejects.toMatchObject({
      code: "E_SETUP",
      message: "The engine's plugin for kubernetes could not be installed:\nno space left",
    });
  });
});
