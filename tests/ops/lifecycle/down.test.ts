import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ConfigError } from "../../../src/errors.ts";
import { type DownOptions, down, planDown } from "../../../src/ops/lifecycle/down.ts";
import { lockCheckout, thisProcess } from "../../../src/ops/lock.ts";
import { makeProject, platformYaml } from "../../support/project.ts";
import { remember, staleLock, standInDocker, standInPulumi } from "../stand-in-stack.ts";

const withMaster = {
  "Pulumi.dev.yaml": "config:\n  datalab:masterSecret:\n    secure: v1:abc\n",
  // The stack has been deployed from here.
  ".datalab/installations/dev": "0123456789abcdef\n",
};
const summary = (resourceChanges: Record<string, number>) => ({ summaryEvent: { resourceChanges } });
const all = {
  containers: ["datalab-dev-core", "datalab-dev-notebook"],
  networks: ["datalab-dev"],
  volumes: ["datalab-dev-postgres-data"],
};
/** When the engine begins, nothing is there any more but what holds data. */
const data = { containers: [], networks: [], volumes: all.volumes };

function optionsFor(more: Partial<DownOptions> = {}): DownOptions & { steps: string[] } {
  const { reporter, steps } = remember();
  return {
    project: makeProject(withMaster),
    stack: "dev",
    deleteData: false,
    reporter,
    signal: new AbortController().signal,
    steps,
    ...more,
  };
}

/** What a down reports of the data above, but for what it has changed. */
const dataKept = {
  stack: "dev",
  kept: [{ name: "datalab-dev-postgres-data", service: "postgres", bytes: null }],
  deleted: [],
};

/** The engine looks for something, and finds it or not. */
const looked = (name: string, there: boolean) => ({
  resOutputsEvent: {
    metadata: { op: "refresh", urn: `u::${name}`, type: "docker:x:X", ...(there && { new: { inputs: {} } }) },
  },
});

const resource = (type: string, name: string, more: object = {}) => ({
  urn: `u::${name}`,
  type: `docker:index/${type}`,
  custom: true,
  inputs: { name, labels: [{ label: "datalab.stack", value: "dev" }] },
  ...more,
});
const known = [
  { urn: "u::datalab-dev", type: "pulumi:pulumi:Stack", custom: false },
  { urn: "u::docker", type: "pulumi:providers:docker", custom: true },
  resource("container:Container", "datalab-dev-core"),
  resource("network:Network", "datalab-dev"),
  resource("volume:Volume", "datalab-dev-core-files"),
  resource("volume:Volume", "datalab-dev-postgres-data", { retainOnDelete: true }),
];
const stateOf = (resources: readonly object[], pending: readonly object[] = []) => ({
  deployment: { resources, pending_operations: pending },
});
/** The engine has to see to it. */
const cutOff = stateOf(known, [{ type: "creating" }]);

test("what a stack has made is gone and forgotten without an engine, and data is kept and listed", async () => {
  const pulumi = standInPulumi({ state: stateOf(known) });
  const docker = standInDocker({ ...all, volumes: [...all.volumes, "datalab-dev-core-files"] });
  const options = optionsFor();
  expect(await down(options)).toEqual({ ...dataKept, changes: { delete: 5 } });
  expect(docker.has()).toEqual(data);
  expect(options.steps).toEqual([
    "spawned: done removed datalab-dev-notebook",
    "engine: done 5 deleted",
    "inventory: done 1 data volume is kept, nothing else is left",
  ]);
  expect(pulumi.calls().map((args) => args.slice(0, 4).join(" "))).toEqual([
    "stack export --stack dev",
    "stack export --stack dev",
    "state delete --all --yes",
  ]);
  expect(existsSync(join(options.project, ".datalab/locks/dev.json"))).toBe(false);
});

test("data that the state lets go with the stack goes without an engine too, and no other", async () => {
  const scratch = resource("volume:Volume", "datalab-dev-spark-scratch");
  const pulumi = standInPulumi({ state: stateOf([...known, scratch]) });
  const docker = standInDocker({ ...all, volumes: [...all.volumes, "datalab-dev-spark-scratch"] });
  expect(await down(optionsFor())).toEqual({ ...dataKept, changes: { delete: 6 } });
  expect(docker.has()).toEqual(data);
  expect(pulumi.calls().map(([command]) => command)).toEqual(["stack", "stack", "state"]);
});

describe("the engine sees to the end of a state", () => {
  const unlabelled = { inputs: { name: "datalab-dev-core" } };
  const image = { urn: "u::image", type: "docker:index/remoteImage:RemoteImage", custom: true };
  test.each<[string, object]>([
    ["with a step that was cut off", cutOff],
    ["with what no inventory finds", stateOf([...known, image])],
    [
      "with what carries no label",
      stateOf([...known, resource("container:Container", "datalab-dev-core", unlabelled)]),
    ],
    [
      "with what is still there, kept by one entry and not by another",
      stateOf([...known, resource("volume:Volume", "datalab-dev-postgres-data")]),
    ],
    ["with what is protected", stateOf([...known, resource("network:Network", "x", { protect: true })])],
  ])("%s", async (_, state) => {
    const pulumi = standInPulumi({ state, runs: [{ code: 0, events: [summary({ delete: 6 })] }] });
    standInDocker(all);
    expect((await down(optionsFor())).changes).toEqual({ delete: 6 });
    expect(pulumi.calls().filter(([command]) => command !== "stack")).toEqual([
      expect.arrayContaining(["destroy", "--refresh"]),
    ]);
  });
});

test("what the engine finds gone counts as well as what it removes", async () => {
  const found = [looked("core", false), looked("network", false), looked("postgres-data", true)];
  const events = [...found, summary({ delete: 25 })];
  const pulumi = standInPulumi({ state: cutOff, runs: [{ code: 0, events }] });
  const docker = standInDocker({ ...all, volumes: [...all.volumes, "datalab-dev-core-files"] });
  const options = optionsFor();
  expect(await down(options)).toEqual({ ...dataKept, changes: { delete: 27 } });
  expect(docker.has()).toEqual({ containers: [], networks: [], volumes: ["datalab-dev-postgres-data"] });
  expect(options.steps).toEqual([
    "spawned: done removed datalab-dev-notebook",
    "engine: done 27 deleted",
    "inventory: done 1 data volume is kept, nothing else is left",
  ]);
  expect(pulumi.calls().map(([command]) => command)).toEqual(["stack", "stack", "stack", "destroy"]);
  expect(pulumi.calls().at(-1)).toEqual(expect.arrayContaining(["--parallel", "16", "--refresh"]));
  expect(existsSync(join(options.project, ".datalab/locks/dev.json"))).toBe(false);
});

test("data is deleted when that is asked for", async () => {
  standInPulumi({ runs: [{ code: 0 }] });
  const docker = standInDocker(all);
  const result = await down(optionsFor({ deleteData: true }));
  expect([result.kept, result.deleted]).toEqual([[], ["datalab-dev-postgres-data"]]);
  expect(docker.has()).toEqual({ containers: [], networks: [], volumes: [] });
});

test("a stack that was never made leaves nothing to do, and nothing is made", async () => {
  const pulumi = standInPulumi({ stacks: [] });
  standInDocker({});
  const options = optionsFor({ project: makeProject({}) });
  expect(await down(options)).toEqual({ stack: "dev", changes: {}, kept: [], deleted: [] });
  expect(pulumi.calls().map(([command]) => command)).toEqual(["stack"]);
  expect(options.steps).toEqual(["engine: done 0 changes", "inventory: done nothing is left"]);
});

test("a run that was killed before is put right first", async () => {
  const pulumi = standInPulumi({
    state: cutOff,
    runs: [
      { code: 255, stderr: staleLock(hostname()) },
      { code: 0, events: [summary({ delete: 3 })] },
    ],
  });
  standInDocker(all);
  expect((await down(optionsFor())).changes).toEqual({ delete: 3 });
  const commands = pulumi.calls().map(([command]) => command);
  expect(commands.filter((c) => c !== "stack")).toEqual(["destroy", "cancel", "refresh", "destroy"]);
});

test("what Docker refuses to remove is left to the engine, which says why", async () => {
  standInPulumi({ runs: [{ code: 255, stderr: "error: the core is in use" }] });
  standInDocker(all, [], ["datalab-dev-core"]);
  await expect(down(optionsFor())).rejects.toThrow("the core is in use");
});

test("what can't be removed is named", async () => {
  standInPulumi({ runs: [{ code: 0 }] });
  standInDocker(all, ["datalab-dev"]);
  await expect(down(optionsFor())).rejects.toMatchObject({
    code: "E_DOWN_INCOMPLETE",
    message: "The stack dev is removed, except for: network datalab-dev",
  });
});

test("a failure of the engine is told, and all data is there", async () => {
  const error = { diagnosticEvent: { severity: "error", message: "network has active endpoints" } };
  standInPulumi({ state: cutOff, runs: [{ code: 255, events: [error] }] });
  const docker = standInDocker(all);
  const options = optionsFor();
  await expect(down(options)).rejects.toMatchObject({
    code: "E_ENGINE",
    message: "network has active endpoints",
  });
  expect(docker.has()).toEqual(data);
  expect(options.steps).toEqual(["spawned: done removed datalab-dev-notebook", "engine: failed"]);
  expect(existsSync(join(options.project, ".datalab/locks/dev.json"))).toBe(false);
});

test("an interrupt ends it with 130, and keeps what is left", async () => {
  standInPulumi({ state: cutOff, runs: [{ code: 255, waits: true }] });
  const docker = standInDocker(all);
  const abort = new AbortController();
  const options = optionsFor({ signal: abort.signal, onEngineLine: () => abort.abort() });
  await expect(down(options)).rejects.toMatchObject({ code: "E_INTERRUPTED", exitCode: 130 });
  expect(docker.has()).toEqual(data);
});

test("notebooks and their variables go before the engine takes the network, and their homes are kept", async () => {
  standInPulumi({ state: cutOff, runs: [{ code: 255, waits: true }] });
  const home = "datalab-dev-notebook-ann-home";
  const docker = standInDocker({
    containers: ["datalab-dev-core", "datalab-dev-notebook-ann"],
    volumes: [home, "datalab-dev-notebook-ann-env"],
  });
  const abort = new AbortController();
  const options = optionsFor({ signal: abort.signal, onEngineLine: () => abort.abort() });
  await expect(down(options)).rejects.toMatchObject({ code: "E_INTERRUPTED" });
  expect(docker.has()).toEqual({ containers: [], networks: [], volumes: [home] });
});

describe("another checkout's stack of the same name", () => {
  const theirs = { ...all, installation: "fedcba9876543210" };

  test.each<[string, Record<string, string>, readonly string[]]>([
    ["from a fresh clone", {}, []],
    ["from a checkout with a stack of its own", withMaster, ["dev"]],
  ])("is not taken down %s, data or not", async (_, files, stacks) => {
    const pulumi = standInPulumi({ stacks });
    const docker = standInDocker(theirs);
    for (const deleteData of [false, true]) {
      const options = optionsFor({ project: makeProject(files), deleteData });
      await expect(down(options)).rejects.toMatchObject({ code: "E_FOREIGN", exitCode: 2 });
      await expect(planDown(options)).rejects.toMatchObject({ code: "E_FOREIGN" });
      expect(existsSync(join(options.project, ".datalab/locks/dev.json"))).toBe(false);
    }
    expect(docker.has()).toEqual(theirs);
    expect(pulumi.calls().every(([command, word]) => command === "stack" && word === "export")).toBe(true);
  });

  test("is left alone by a recovery, and this one's leftovers go", async () => {
    const runs = [{ code: 255, stderr: staleLock(hostname()) }, { code: 0 }];
    standInPulumi({ runs, state: cutOff });
    const docker = standInDocker({ containers: ["datalab-dev-core"], installation: "0123456789abcdef" });
    await down(optionsFor());
    expect(docker.has().containers).toEqual([]);
  });
});

test("somebody else who works on the stack is not disturbed", async () => {
  const pulumi = standInPulumi({});
  standInDocker(all);
  const options = optionsFor();
  const lock = lockCheckout(options.project, "dev", thisProcess("datalab up"));
  await expect(down(options)).rejects.toMatchObject({ code: "E_LOCKED", exitCode: 4 });
  expect(pulumi.calls()).toEqual([]);
  lock.release();
});

test("a stack of a cluster that nobody has named is left alone, whatever else its file lacks", async () => {
  const pulumi = standInPulumi({});
  const project = makeProject({ "Pulumi.dev.yaml": platformYaml("target: kubernetes") });
  const error = await down(optionsFor({ project })).catch((e: ConfigError) => e);
  expect((error as ConfigError).problems.map(({ path }) => path.join("."))).toEqual(["kubernetes.context"]);
  expect(pulumi.calls()).toEqual([]);
});

test("a dry run says what would go and what would stay, and touches nothing", async () => {
  const volume = (name: string, retainOnDelete: boolean) => ({
    urn: `u::${name}`,
    type: "docker:index/volume:Volume",
    custom: true,
    retainOnDelete,
    inputs: { name },
  });
  const volumes = ["datalab-dev-postgres-data", "datalab-dev-logs-data"];
  const state = {
    deployment: { resources: [volume(volumes[0] as string, true), volume(volumes[1] as string, false)] },
  };
  const pulumi = standInPulumi({ state });
  const docker = standInDocker({ ...all, volumes });
  const { project } = optionsFor();
  expect(await planDown({ project, stack: "dev", deleteData: false })).toEqual({
    stack: "dev",
    spawned: ["datalab-dev-notebook"],
    resources: 2,
    objects: [
      { kind: "container", name: "datalab-dev-core" },
      { kind: "container", name: "datalab-dev-notebook" },
      { kind: "network", name: "datalab-dev" },
    ],
    volumes: [
      { name: "datalab-dev-postgres-data", service: "postgres", bytes: null, fate: "kept" },
      { name: "datalab-dev-logs-data", service: "postgres", bytes: null, fate: "deleted" },
    ],
  });
  const everything = await planDown({ project, stack: "dev", deleteData: true });
  expect(everything.volumes.map(({ fate }) => fate)).toEqual(["deleted", "deleted"]);
  expect(docker.has()).toEqual({ ...all, volumes });
  expect(pulumi.calls().every(([command]) => command === "stack")).toBe(true);
});
