import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { EngineEvent } from "../../../src/ops/engine/engine.ts";
import { Planned } from "../../../src/ops/engine/plan-events.ts";
import { type PreviewResult, preview } from "../../../src/ops/lifecycle/preview.ts";
import { kinds, risksOf } from "../../../src/ops/lifecycle/preview-risk.ts";
import { previewMarkdown, previewText } from "../../../src/ops/lifecycle/preview-text.ts";
import { standIn } from "../../support/programs.ts";
import { makeProject } from "../../support/project.ts";
import { remember, standInPulumi } from "../stand-in-stack.ts";

const container = "docker:index/container:Container";
const volume = "docker:index/volume:Volume";
const dataLabels = { labels: [{ label: "datalab.role", value: "data" }] };

const event = (op: string, type: string, name: string, more: object = {}): EngineEvent => ({
  resourcePreEvent: {
    planning: true,
    metadata: { op, type, urn: `urn:pulumi:dev::datalab::${type}::${name}`, ...more },
  },
});
const planOf = (...events: EngineEvent[]) => {
  const planned = new Planned();
  for (const one of events) planned.take(one);
  return planned;
};
const resultOf = (planned: Planned, more: Partial<PreviewResult> = {}): PreviewResult => {
  const { steps, violations } = planned;
  const count = (op: string) => steps.filter((s) => s.op === op).length;
  return {
    stack: "staging",
    changes: {},
    summary: {
      create: count("create"),
      update: count("update"),
      replace: count("replace"),
      delete: count("delete"),
      same: 19,
    },
    risks: risksOf(steps),
    capacity: {
      memoryBytes: { before: 2 ** 30, after: 3 * 2 ** 29 },
      milliCpu: { before: 1250, after: 1250 },
      storageBytes: { before: null, after: 2 ** 34 },
    },
    policy: { rules: 11, violations },
    steps: steps.map(({ op, type, name, urn, properties }) => ({ op, type, name, urn, properties })),
    ...more,
  };
};
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const replaced = { old: { inputs: { image: digest("a") } }, new: { inputs: { image: digest("b") } } };
const imageDiff = { detailedDiff: { image: { diffKind: "update-replace" } } };

/** Something of everything, as the engine tells it. */
const everything = () =>
  planOf(
    event("same", container, "postgres"),
    event("delete-replaced", container, "core", { old: replaced.old }),
    event("replace", container, "core", { ...replaced, ...imageDiff }),
    event("create-replacement", container, "core", replaced),
    event("update", container, "prefect", {
      old: { inputs: { memory: 768, memorySwap: 768, envs: ["A=1"] } },
      new: { inputs: { memory: 1024, memorySwap: 1024, envs: ["A=1", "B=[secret]"] } },
      detailedDiff: {
        memory: { diffKind: "update" },
        memorySwap: { diffKind: "update" },
        "envs[1]": { diffKind: "add" },
      },
    }),
    event("create", container, "notes", { new: { inputs: {} } }),
    event("delete", volume, "mlflow-data", { old: { inputs: dataLabels } }),
    event("delete", volume, "logs-data", { old: { inputs: dataLabels, retainOnDelete: true } }),
    event("delete", volume, "mlflow-files", {
      old: { inputs: { labels: [{ label: "datalab.role", value: "files" }] } },
    }),
  );

test("the comment of a pull request says what matters first, and folds the rest", () => {
  expect(previewMarkdown(resultOf(everything()))).toBe(`<!-- datalab preview staging -->
## Preview of \`staging\`

**1 created, 1 updated, 1 replaced, 3 deleted**, 19 unchanged

### ⚠ Data is lost

- The volume mlflow-data is deleted: everything in it is lost. \`up\` needs \`--allow-data-loss mlflow-data\`.

### ⚠ Temporarily unavailable

- The container core is created again: it is unavailable meanwhile.

### Data that stays

- The volume logs-data leaves the stack; its data stays.

### Capacity

| | before | after | change |
| --- | ---: | ---: | ---: |
| memory | 1.0 GiB | 1.5 GiB | +512 MiB |
| processors | 1.25 cores | 1.25 cores |  |
| storage | unknown | 16.0 GiB |  |

### Policy

No violations of 11 rules.

<details>
<summary>All 6 changes</summary>

**Deleted**

| kind | name | what changes |
| --- | --- | --- |
| Volume | \`logs-data\` |  |
| Volume | \`mlflow-data\` |  |
| Volume | \`mlflow-files\` |  |

**Replaced**

| kind | name | what changes |
| --- | --- | --- |
| Container | \`core\` | image sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb (replaces) |

**Created**

| kind | name | what changes |
| --- | --- | --- |
| Container | \`notes\` |  |

**Updated**

| kind | name | what changes |
| --- | --- | --- |
| Container | \`prefect\` | envs[1] +B=[secret], memory 768 → 1024, memorySwap 768 → 1024 |

</details>
`);
});

test("a terminal shows the same, shorter", () => {
  expect(previewText(resultOf(everything()))).toBe(`1 created, 1 updated, 1 replaced, 3 deleted, 19 unchanged

Data is lost:
  The volume mlflow-data is deleted: everything in it is lost. up needs --allow-data-loss mlflow-data

Temporarily unavailable:
  The container core is created again: it is unavailable meanwhile.

Data that stays:
  The volume logs-data leaves the stack; its data stays.

Memory: 1.0 GiB → 1.5 GiB (+512 MiB)

delete   Volume     logs-data
delete   Volume     mlflow-data
delete   Volume     mlflow-files
replace  Container  core  image sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb (replaces)
create   Container  notes
update   Container  prefect  envs[1] +B=[secret], memory 768 → 1024, memorySwap 768 → 1024`);
});

test("the order of steps does not depend on the engine's", () => {
  const events = [
    event("create", container, "b"),
    event("create", container, "a"),
    event("delete", volume, "c", { old: { inputs: {} } }),
  ];
  const names = (planned: Planned) => planned.steps.map(({ name }) => name);
  expect(names(planOf(...events))).toEqual(["c", "a", "b"]);
  expect(names(planOf(...events.toReversed()))).toEqual(["c", "a", "b"]);
});

test("no changes are said so", () => {
  const none = resultOf(planOf(event("same", container, "core")));
  expect(previewText(none)).toBe("No changes.");
  expect(previewMarkdown(none)).toContain("## Preview of `staging`\n\n**No changes.**\n\n### Capacity");
  expect(previewMarkdown(none)).not.toContain("<details>");
});

test("violations are listed with rule and resource, and no markup of theirs gets through", () => {
  const policyEvent = {
    resourceUrn: "urn:pulumi:dev::datalab::x::gateway",
    message:
      "<{%fg 13%}>Nothing listens to the world.\nexpected port 1 on 127.0.0.1, received <b>@all</b>|<{%reset%}>",
    policyName: "no-public-port",
    enforcementLevel: "mandatory",
  };
  const result = resultOf(planOf({ policyEvent }, { policyEvent }));
  expect(previewMarkdown(result)).toContain(
    "### Policy\n\n- ✖ `gateway`: expected port 1 on 127.0.0.1, received &lt;b>&#64;all&lt;/b>\\| (`no-public-port`, mandatory)\n",
  );
  expect(previewText(result)).toBe(
    "No changes.\n\n✖ gateway: expected port 1 on 127.0.0.1, received <b>@all</b>| (policy: no-public-port)",
  );
});

test("a label is told by its name", () => {
  const labels = (value: string) => ({ inputs: { labels: [{ label: "datalab.files", value }] } });
  const detailedDiff = { "labels[0].value": { diffKind: "update-replace" } };
  const planned = planOf(
    event("replace", container, "x", { old: labels("a"), new: labels("b"), detailedDiff }),
  );
  expect(planned.steps[0]?.properties).toEqual([
    { path: "labels[datalab.files]", kind: "update", replaces: true, from: "a", to: "b" },
  ]);
});

test("values that are secret, unknown or long are not told", () => {
  const planned = planOf(
    event("update", "x:y:Z", "z", {
      old: { inputs: { a: "[secret]", b: "old", c: "short", d: { e: [1] } } },
      new: {
        inputs: {
          a: "[secret]",
          b: "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
          c: "l".repeat(81),
          d: { e: [2] },
        },
      },
      detailedDiff: Object.fromEntries(
        ["a", "b", "c", "d.e[0]"].map((path) => [path, { diffKind: "update" }]),
      ),
    }),
  );
  expect(planned.steps[0]?.properties.map(({ path, from, to }) => [path, from, to])).toEqual([
    ["a", null, null],
    ["b", "old", null],
    ["c", "short", null],
    ["d.e[0]", "1", "2"],
  ]);
});

test.each([
  ["docker:index/volume:Volume", { ...dataLabels }, "delete", ["data-loss"]],
  ["docker:index/volume:Volume", { ...dataLabels }, "replace", ["data-loss"]],
  ["docker:index/volume:Volume", {}, "delete", []],
  ["docker:index/container:Container", {}, "replace", ["downtime"]],
  [
    "docker:index/container:Container",
    { labels: [{ label: "datalab.oneshot", value: "true" }] },
    "replace",
    [],
  ],
  ["docker:index/container:Container", {}, "update", []],
  ["docker:index/network:Network", {}, "replace", ["downtime"]],
  ["kubernetes:core/v1:PersistentVolumeClaim", {}, "delete", ["data-loss"]],
  ["kubernetes:core/v1:Namespace", {}, "replace", ["data-loss"]],
  ["kubernetes:apps/v1:StatefulSet", {}, "replace", ["downtime"]],
  ["kubernetes:apps/v1:Deployment", {}, "delete", ["downtime"]],
  ["kubernetes:core/v1:ConfigMap", {}, "replace", []],
  ["aws:rds/instance:Instance", {}, "replace", ["data-loss", "downtime"]],
  ["aws:s3/bucket:Bucket", {}, "delete", ["data-loss"]],
  ["aws:efs/fileSystem:FileSystem", {}, "delete", ["data-loss", "downtime"]],
  ["aws:kms/key:Key", {}, "delete", ["data-loss"]],
])("%s %j: a %s is %j", (type, inputs, op, levels) => {
  const { steps } = planOf(event(op, type, "x", { old: { inputs } }));
  expect(risksOf(steps).map(({ level }) => level)).toEqual(levels);
});

test("every kind of the table says what it is", () => {
  for (const { what, holds, serves } of kinds) {
    expect(what).not.toBe("");
    expect(holds ?? serves).toBeDefined();
  }
});

test("a preview builds and pulls nothing, and makes nothing on the target", async () => {
  const pulumi = standInPulumi({ state: { deployment: { resources: [] } } });
  const docker = standIn("docker", "");
  const project = makeProject({
    "Pulumi.dev.yaml":
      "config:\n  datalab:masterSecret:\n    secure: v1:abc\n  datalab:installation: 0123456789abcdef ann@laptop:/lab\n",
  });
  const { reporter } = remember();
  const { signal } = new AbortController();
  await preview({ project, stack: "dev", refresh: false, policy: false, reporter, signal });
  expect(existsSync(join(docker, "calls"))).toBe(false);
  expect(pulumi.calls().map(([command, word]) => (command === "stack" ? word : command))).toEqual(
    expect.arrayContaining(["preview", "export"]),
  );
});
