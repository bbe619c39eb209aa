/** Which room of `src/` a file belongs to, and which rooms it may import. */
import { globSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { circles } from "./support/import-graph.ts";
import { imports } from "./support/typescript-imports.ts";

const root = resolve(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const sources = globSync("src/**/*.ts", { cwd: root }).sort();

/**
 * Rooms from the ground up: a folder, or one file. A file imports its own room and those above it in this
 * list.
 */
const rooms: readonly (readonly [path: string, holds: string])[] = [
  ["src/error-codes/", "the list of error codes with meaning, remedy and exit code"],
  ["src/errors.ts", "the error classes"],
  ["src/nearest.ts", "the name that was probably meant"],
  ["src/model/", "the vocabulary of services and the model: types and pure functions"],
  ["src/model/resolve/", "how a model is made of an environment"],
  ["src/images/", "Dockerfiles, tags, builds, registries"],
  ["src/config/", "schema, loading and explanation of a stack's configuration"],
  ["src/version.ts", "the version of this release"],
  ["src/monitoring/", "scrape configuration, rules, routes and dashboards made of the model"],
  ["src/services/", "one file a service"],
  ["src/declare.ts", "what a stack declares, read and checked"],
  ["src/outputs/", "the schema of the stack output"],
  ["src/cloud/", "sizes, prices and address plans of the AWS target"],
  ["src/targets/", "what turns a model into Pulumi resources"],
  ["src/index.ts", "the Pulumi program"],
  ["src/reference/", "generators of docs/config.md and docs/errors.md"],
  ["src/core/", "the deployed core"],
  ["src/agent/", "the deployed agent"],
  ["src/notebook-proxy/", "the deployed proxy of notebooks"],
  ["src/ops/process.ts", "processes of this machine"],
  ["src/ops/git.ts", "the commit of this checkout"],
  ["src/ops/time-id.ts", "ids that sort by time"],
  ["src/ops/abort.ts", "the end of an operation by a signal"],
  ["src/ops/reporter.ts", "steps of an operation, as people see them"],
  ["src/ops/lock.ts", "one operation of a stack at a time in a checkout; who holds a lock"],
  ["src/ops/shared-lock.ts", "a lock that several machines see"],
  ["src/ops/password.ts", "hashes of passwords"],
  ["src/ops/exact-json.ts", "JSON whose integers keep all their digits"],
  ["src/ops/suggest.ts", "names that were probably meant, in errors"],
  ["src/ops/cost.ts", "the estimate of a month on AWS"],
  ["src/ops/state-resource.ts", "a resource of a stack's state"],
  ["src/ops/store-host.ts", "what a store migration asks of a target: types"],
  ["src/ops/target.ts", "what operations ask of a target: types"],
  ["src/ops/homes.ts", "homes of notebook users, as the output names them"],
  ["src/ops/docker/", "operations on a Docker host"],
  ["src/ops/kubernetes/", "operations in a cluster"],
  ["src/ops/targets.ts", "the record of each target"],
  ["src/ops/object-store/", "objects of a store: lists, copies, credentials"],
  ["src/ops/engine/", "Pulumi: runs, state, plugins, recovery"],
  ["src/ops/stack-lock.ts", "one operation of a stack at a time, wherever it is started"],
  ["src/ops/services/", "services that run: output, logins, checks, start and stop, logs, runs"],
  ["src/ops/release/", "release records, differences of stacks, images in a registry"],
  ["src/ops/lake/", "tables, uploads and reports"],
  ["src/ops/backup/", "backups and restoring"],
  ["src/ops/lifecycle/", "up, down, preview, drift, the restore drill"],
  ["src/ops/store-migration/", "moving a lake to another engine"],
  ["src/ops/render/", "a stack as plain YAML"],
  ["src/ops/promotion/", "a release on its way to the next stack"],
  ["src/cli/", "the command line"],
];

const maxFiles = 25;

function roomOf(path: string): number {
  const found = rooms
    .map(([room], index) => ({ room, index }))
    .filter(({ room }) => (room.endsWith("/") ? path.startsWith(room) : path === room))
    .sort((a, b) => b.room.length - a.room.length);
  return found[0]?.index ?? -1;
}
const nameOf = (index: number) => `${rooms[index]?.[0]} (${rooms[index]?.[1]})`;

const graph = new Map(sources.map((path) => [path, imports(path)]));

describe("rooms of src/", () => {
  test("hold every file", () => {
    const homeless = sources
      .filter((path) => roomOf(path) < 0)
      .map((path) => `${path} is in no room: move it to the room that says what it holds, or add one here.`);
    expect(homeless).toEqual([]);
  });

  test("exist, and are named once", () => {
    const empty = rooms.filter((_, index) => !sources.some((path) => roomOf(path) === index));
    expect(empty.map(([room]) => room)).toEqual([]);
    expect(new Set(rooms.map(([room]) => room)).size).toBe(rooms.length);
  });

  test("import only rooms below them, types included", () => {
    const up = [...graph].flatMap(([path, targets]) =>
      targets
        .filter((target) => graph.has(target) && roomOf(target) > roomOf(path))
        .map(
          (target) =>
            `${path} imports ${target}, which is above it: ${nameOf(roomOf(target))} may import ` +
            `${nameOf(roomOf(path))}, not the other way round. Move what both need down, or hand it in as an argument.`,
        ),
    );
    expect(up).toEqual([]);
  });

  test("have no circle of files, types included", () => {
    expect(circles(graph)).toEqual([]);
  });

  test("see a circle where there is one", () => {
    const drawn = new Map([
      ["a", ["b"]],
      ["b", ["c"]],
      ["c", ["b", "d"]],
      ["d", ["e"]],
      ["e", ["e"]],
    ]);
    expect(circles(drawn)).toEqual(["b -> c -> b", "e -> e"]);
  });

  test("that hold types alone hold no code", () => {
    const typesOnly = ["src/ops/target.ts", "src/ops/store-host.ts", "src/model/environment.ts"];
    const code = /^export (?:async )?(?:const|let|function|class|default)\b/m;
    expect(typesOnly.filter((path) => code.test(read(path)))).toEqual([]);
  });
});

test(`no folder has more than ${maxFiles} files`, () => {
  const folders = new Set(
    globSync(["src/**/*", "tests/**/*", "pipelines/**/*", "policy/**/*", "tools/**/*"], {
      cwd: root,
      exclude: ["**/node_modules/**", "**/__pycache__/**"],
    }).map((path) => join(path, "..")),
  );
  expect(folders.size).toBeGreaterThan(50);
  const full = [...folders].flatMap((folder) => {
    const files = readdirSync(join(root, folder), { withFileTypes: true }).filter((entry) => entry.isFile());
    return files.length > maxFiles
      ? [`${folder} has ${files.length} files: give those of one kind a folder`]
      : [];
  });
  expect(full).toEqual([]);
});
