import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { recover } from "../../../src/ops/engine/recover.ts";
import type { Host, Inventory, StackObject } from "../../../src/ops/target.ts";
import { standIn } from "../../support/programs.ts";
import { makeProject } from "../../support/project.ts";

/** A Pulumi that knows these resources, and fails the command that is named. */
const pulumi = (known: readonly StackObject[], fails = "") =>
  standIn(
    "pulumi",
    `if (args[0] === ${JSON.stringify(fails)}) { process.stderr.write("error: no such luck\\n"); process.exit(1); }
if (args[0] === "stack") console.log(${JSON.stringify(
      JSON.stringify({
        deployment: {
          resources: [
            { type: "pulumi:pulumi:Stack" },
            ...known.map(({ kind, name }, i) => {
              const type = `docker:index/${kind}:${kind[0]?.toUpperCase()}${kind.slice(1)}`;
              return i % 2 ? { type, inputs: { name } } : { type, outputs: { name } };
            }),
          ],
        },
      }),
    )});`,
  );

/** A host that has these, and remembers what it was told to remove. */
function hostWith(inventory: Inventory): { host: Host; removed: (readonly StackObject[])[] } {
  const removed: (readonly StackObject[])[] = [];
  const host = {
    inventory: async () => inventory,
    spawned: async () =>
      inventory.objects.map(({ name }) => name).filter((name) => name.includes("notebook")),
    removeLeftovers: async (what: readonly StackObject[]) => {
      removed.push(what);
    },
  } as unknown as Host;
  return { host, removed };
}

const container = (name: string): StackObject => ({ kind: "container", name });
const volumes = [{ name: "datalab-dev-postgres-data", service: "postgres", bytes: null }];

test("a killed run is put right: lock, pending resources, and what the state does not know", async () => {
  const folder = pulumi([
    container("datalab-dev-core"),
    { kind: "network", name: "datalab-dev" },
    // The volume of files that a container fills; that container has the same name, and was cut off.
    { kind: "volume", name: "datalab-dev-core-files" },
  ]);
  const { host, removed } = hostWith({
    objects: [
      ...["core", "core-files", "postgres", "notebook-ann"].map((name) => container(`datalab-dev-${name}`)),
      { kind: "network", name: "datalab-dev" },
      { kind: "network", name: "datalab-dev-left" },
    ],
    volumes,
  });
  await recover(makeProject({}), "dev", host);
  expect(removed).toEqual([
    [
      container("datalab-dev-core-files"),
      container("datalab-dev-postgres"),
      { kind: "network", name: "datalab-dev-left" },
    ],
  ]);
  const calls: string[][] = readFileSync(join(folder, "calls"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(calls[0]).toEqual(["cancel", "--yes", "--stack", "dev", "--non-interactive"]);
  expect(calls[1]?.[0]).toBe("refresh");
  expect(calls[1]).toContain("--clear-pending-creates");
  expect(calls[2]).toEqual(["stack", "export", "--stack", "dev", "--non-interactive"]);
});

test.each([
  ["cancel", "pulumi cancel failed: error: no such luck"],
  ["refresh", "The state of stack dev can't be refreshed: error: no such luck"],
  ["stack", "pulumi stack failed: error: no such luck"],
])("when %s fails, nothing is removed", async (command, message) => {
  pulumi([], command);
  const { host, removed } = hostWith({ objects: [container("datalab-dev-core")], volumes });
  await expect(recover(makeProject({}), "dev", host)).rejects.toMatchObject({ code: "E_RECOVER", message });
  expect(removed).toEqual([]);
});
