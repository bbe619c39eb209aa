import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { dockerDrift } from "../../../src/ops/docker/drift.ts";
import { driftMarkdown, driftReport } from "../../../src/ops/lifecycle/drift-report.ts";
import { standIn } from "../../support/programs.ts";

const image = `sha256:${"a".repeat(64)}`;
const labels = { "datalab.stack": "dev" };
const hash = (text: string) => createHash("sha256").update(text).digest("hex");

/** A container as Docker has it; `is` says what is otherwise. */
const container = (name: string, is: Record<string, unknown> = {}) => ({
  Id: is.id ?? `${name}-id`,
  Name: `/${name}`,
  Image: is.image ?? image,
  State: { Status: is.status ?? "running" },
  Config: { Labels: is.labels ?? labels },
  HostConfig: {
    Memory: ((is.memory as number) ?? 128) * 2 ** 20,
    MemorySwap: ((is.memory as number) ?? 128) * 2 ** 20,
    CpuShares: is.cpuShares ?? 256,
    RestartPolicy: { Name: is.restart ?? "unless-stopped" },
  },
  NetworkSettings: {
    Networks: Object.fromEntries(((is.networks as string[]) ?? ["datalab-dev"]).map((n) => [n, {}])),
  },
});
const known = (type: string, name: string, inputs: object = {}) => ({
  urn: `urn:pulumi:dev::datalab::docker:index/${type}::${name.replace("datalab-dev-", "")}`,
  type: `docker:index/${type}`,
  id: `${name}-id`,
  inputs: { name, ...inputs },
});
const workload = (name: string) =>
  known("container:Container", name, {
    image,
    memory: 128,
    memorySwap: 128,
    cpuShares: 256,
    restart: "unless-stopped",
    mustRun: true,
    networksAdvanced: [{ name: "datalab-dev" }],
  });

interface World {
  readonly containers?: readonly object[];
  readonly volumes?: readonly { Name: string; Labels?: object }[];
  readonly networks?: readonly { Name: string; Labels?: object }[];
  readonly sums?: string;
}
function docker({
  containers = [],
  volumes = [],
  networks = [{ Name: "datalab-dev", Labels: labels }],
  sums = "",
}: World): void {
  standIn(
    "docker",
    `const world = ${JSON.stringify({ containers, volume: volumes, network: networks })};
if (args[0] === "ps") console.log(world.containers.map((c) => c.Id).join("\\n"));
else if (args[0] === "inspect") console.log(JSON.stringify(world.containers));
else if (args[0] === "exec") process.stdout.write(${JSON.stringify(sums)});
else if (args[1] === "ls") console.log(world[args[0]].map((one) => one.Name).join("\\n"));
else console.log(JSON.stringify(world[args[0]].filter((one) => args.includes(one.Name))));`,
  );
}
const network = known("network:Network", "datalab-dev");
const found = async (state: Parameters<typeof dockerDrift>[1], world: World) => {
  docker(world);
  return (await dockerDrift("dev", state)).map(({ what, kind, name, details, repair }) => [
    what,
    kind,
    name,
    details,
    repair,
  ]);
};
const core = "datalab-dev-core";

test("what is as it was made is no drift", async () => {
  expect(await found([network, workload(core)], { containers: [container(core)] })).toEqual([]);
});

test.each([
  ["stopped", { status: "exited" }, "it is exited", "up"],
  ["stopped", { status: "paused" }, "it is paused", "up"],
  ["changed", { memory: 256 }, "memory is 256, not 128; memorySwap is 256, not 128", "up"],
  ["changed", { cpuShares: 2 }, "cpuShares is 2, not 256", "up"],
  ["changed", { restart: "no" }, "restart is no, not unless-stopped", "up"],
  ["changed", { image: "sha256:b" }, `image is sha256:b, not ${image}`, "up"],
  ["changed", { networks: [] }, "it is missing in the network datalab-dev", "replace"],
  ["changed", { networks: ["datalab-dev", "bridge"] }, "it is in the network bridge too", "replace"],
  ["changed", { id: "another" }, "another container has its name", "replace"],
])("a container that is %s: %j", async (what, is, details, repair) => {
  expect(await found([network, workload(core)], { containers: [container(core, is)] })).toEqual([
    [what, "container", core, details, repair],
  ]);
});

test("missing containers, volumes and networks are found", async () => {
  const state = [network, workload(core), known("volume:Volume", "datalab-dev-core-files")];
  expect(await found(state, { networks: [] })).toEqual([
    ["missing", "container", core, "it is not there", "up"],
    ["missing", "volume", "datalab-dev-core-files", "it is not there", "up"],
    ["missing", "network", "datalab-dev", "it is not there", "up"],
  ]);
});

test("files are compared with what was written to them", async () => {
  const file = (name: string) => `/run/datalab/${name}`;
  const uploads = ["a", "b", "c"].map((name) => ({ file: file(name), content: `content of ${name}` }));
  const holder = known("container:Container", `${core}-files`, { start: false, uploads });
  const world = {
    containers: [container(core), container(`${core}-files`, { status: "created", networks: ["none"] })],
    sums: `${hash("content of a")}  ${file("a")}\n${hash("other")}  ${file("b")}\n`,
  };
  expect(await found([network, workload(core), holder], world)).toEqual([
    [
      "changed",
      "container",
      `${core}-files`,
      `${file("b")} is another one; ${file("c")} is not there`,
      "replace",
    ],
  ]);
});

test("what carries the stack's label and is in no state is unknown; strangers in its network are foreign", async () => {
  const own = (role: string) => ({ ...labels, "datalab.role": role });
  const world = {
    containers: [
      container("extra", { networks: ["none"] }),
      container("notebook", { labels: own("spawned") }),
      container("stranger", { labels: {} }),
      container("elsewhere", { labels: {}, networks: ["bridge"] }),
    ],
    volumes: [
      { Name: "extra-volume", Labels: labels },
      { Name: "datalab-dev-mlflow-data", Labels: own("data") },
    ],
    networks: [
      { Name: "datalab-dev", Labels: labels },
      { Name: "extra-net", Labels: labels },
    ],
  };
  const details = "it has the stack's label but is not in the state";
  expect(await found([network], world)).toEqual([
    ["unknown", "container", "extra", details, "remove"],
    [
      "foreign",
      "container",
      "stranger",
      "it is in the stack's network but does not belong to the stack",
      "people",
    ],
    ["unknown", "volume", "extra-volume", details, "people"],
    ["unknown", "network", "extra-net", details, "remove"],
  ]);
});

test("the report names each thing once, missing before stopped before changed, and makes a comment", () => {
  const item = (what: "missing" | "changed" | "foreign", name: string, details: string, urn: string | null) =>
    ({ what, kind: "container", name, details, repair: what === "foreign" ? "people" : "up", urn }) as const;
  const report = driftReport("dev", [
    item("foreign", "x", "a|b <i>", null),
    item("changed", core, "memory is 1, not 2", "u1"),
    item("missing", "datalab-dev-a", "it is not there", "u2"),
    item("changed", "core", "otherwise: memory", "u1"),
  ]);
  expect(report.drifted).toBe(true);
  expect(driftMarkdown(report)).toBe(`<!-- datalab drift dev -->
## Drift of \`dev\`

**3 findings.** \`./datalab drift --stack dev --repair\` repairs all findings that you need not repair by hand.

| what | kind | name | details | repair |
| --- | --- | --- | --- | --- |
| missing | container | \`datalab-dev-a\` | it is not there | up |
| changed | container | \`datalab-dev-core\` | memory is 1, not 2 | up |
| foreign | container | \`x\` | a\\|b &lt;i> | by hand |
`);
  expect(driftMarkdown(driftReport("dev", []))).toContain("**None.** What runs is what was deployed.");
});
