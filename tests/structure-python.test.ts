import { globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { circles, type ImportGraph } from "./support/import-graph.ts";
import { importGraph } from "./support/python-imports.ts";

const root = resolve(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const glob = (pattern: string) => globSync(pattern, { cwd: root }).sort();
const python = [...glob("pipelines/**/*.py"), ...glob("src/**/*.py"), ...glob("tests/**/*.py")];

/** The folders that Python searches for modules when it runs our files. */
const searched = [
  "pipelines",
  "src/dashboard",
  "src/images/python",
  "src/notebooks/hub",
  "src/notebooks/server",
  "src/services/mlflow",
];

function graphOf(folder: string): ImportGraph {
  const paths = glob(`${folder}/**/*.py`).map((path) => path.slice(folder.length + 1));
  return importGraph(new Map(paths.map((path) => [path, read(join(folder, path))])));
}

/**
 * A room: a folder of a package, or files that stand at its top. It imports itself and rooms of lower levels.
 */
interface Room {
  readonly level: number;
  readonly holds: string;
  /** Names of files at the top; without them the room is the folder of its name. */
  readonly files?: readonly string[];
}

const library: Readonly<Record<string, Room>> = {
  base: {
    level: 0,
    holds: "the lake itself, settings and errors",
    files: [
      ...["__init__", "attended", "bounded", "delta_log", "duck", "errors", "lake", "lake_config"],
      ...["query_process", "scratch", "settings"],
    ],
  },
  formats: { level: 1, holds: "what reads files as they arrive" },
  layers: { level: 2, holds: "what makes bronze, silver and gold, and contracts" },
  surface: {
    level: 3,
    holds: "what is named from outside: by flows, notebooks, the platform's tools and Prefect's database",
    files: ["bundles", "health", "lake_cli", "medallion", "notebook", "pipeline", "report"],
  },
  prefect: { level: 4, holds: "what makes Prefect run pipelines" },
};

const dashboard: Readonly<Record<string, Room>> = {
  base: { level: 0, holds: "settings", files: ["settings"] },
  backends: { level: 1, holds: "what asks the services" },
  lake: { level: 2, holds: "what asks the lake" },
  look: { level: 2, holds: "how a page looks: parts, charts, words" },
  views: { level: 3, holds: "one file a page, and what pages share" },
  app: { level: 4, holds: "the program", files: ["app"] },
};

function roomOf(rooms: Readonly<Record<string, Room>>, path: string): string | undefined {
  const [first = "", ...rest] = path.split("/");
  if (rest.length > 0) return rest.length === 1 && rooms[first]?.files === undefined ? first : undefined;
  return Object.keys(rooms).find((name) => rooms[name]?.files?.includes(first.replace(/\.py$/, "")));
}

const places = (rooms: Readonly<Record<string, Room>>): string =>
  Object.entries(rooms)
    .map(([name, { holds, files }]) => `${files ? `the top (${name})` : `${name}/`} holds ${holds}`)
    .join("; ");

/** What is wrong with a package: a file in no room, an import that goes up or to a neighbour. */
function misplaced(rooms: Readonly<Record<string, Room>>, graph: ImportGraph): string[] {
  return [...graph].flatMap(([path, targets]) => {
    const own = roomOf(rooms, path);
    const room = rooms[own ?? ""];
    if (own === undefined || room === undefined) return [`${path} is in no room: ${places(rooms)}`];
    return targets.flatMap((target) => {
      const name = roomOf(rooms, target);
      const other = rooms[name ?? ""];
      if (other === undefined || name === own || other.level < room.level) return [];
      const below = Object.keys(rooms).filter((each) => (rooms[each]?.level ?? 0) < room.level);
      return [`${path} imports ${target}: ${own} may import ${[own, ...below].join(", ")}. ${places(rooms)}`];
    });
  });
}

/** A package's part of a graph, by paths below the package. */
const inside = (graph: ImportGraph, folder: string): ImportGraph => {
  const own = (path: string) => path.startsWith(`${folder}/`);
  const short = (path: string) => path.slice(folder.length + 1);
  const files = [...graph].filter(([path]) => own(path));
  return new Map(files.map(([path, targets]) => [short(path), targets.filter(own).map(short)]));
};

describe("Python's imports", () => {
  test("are read wherever they stand", () => {
    const files = new Map([
      ["a/__init__.py", ""],
      ["a/b.py", "from __future__ import annotations\nimport os, a.c as c\n"],
      ["a/c.py", '"""\nfrom a import d\n"""\nfrom a import (\n    d,  # why\n    VERSION,\n)\n'],
      ["a/d.py", "if TYPE_CHECKING:\n    from a.b import B\n"],
      ["a/e/__init__.py", ""],
      ["a/e/f.py", "def f() -> None:\n    from ..b import B\n    from . import g\n"],
      ["a/e/g.py", "TEXT = 'x'  # from a.b import B\nimport prefect\nfrom prefect.a import b\n"],
    ]);
    expect(Object.fromEntries(importGraph(files))).toEqual({
      "a/__init__.py": [],
      "a/b.py": ["a/c.py"],
      "a/c.py": ["a/__init__.py", "a/d.py"],
      "a/d.py": ["a/b.py"],
      "a/e/__init__.py": [],
      "a/e/f.py": ["a/b.py", "a/e/g.py"],
      "a/e/g.py": [],
    });
    expect(circles(importGraph(files))).toEqual(["a/b.py -> a/c.py -> a/d.py -> a/b.py"]);
  });

  test("are those of every file", () => {
    const known = (path: string) => [...searched, "tests"].some((folder) => path.startsWith(`${folder}/`));
    expect(python.filter((path) => !known(path))).toEqual([]);
    expect(graphOf("pipelines").get("datalab/lake_cli.py")).toEqual(
      expect.arrayContaining(["datalab/lake_config.py", "datalab/layers/bronze.py"]),
    );
    expect(graphOf("src/notebooks/hub").get("people.py")).toEqual(["pages.py", "passwords.py"]);
  });

  test.each(searched)("make no circle in %s, for types or in functions neither", (folder) => {
    expect(circles(graphOf(folder))).toEqual([]);
  });

  test("are wrong where they go up, and the message says where a file belongs", () => {
    const graph: ImportGraph = new Map([
      ["lake.py", ["layers/silver.py"]],
      ["layers/silver.py", ["formats/columns.py", "layers/infer.py"]],
      ["tools/new.py", []],
    ]);
    const where =
      "the top (base) holds the lake itself, settings and errors; formats/ holds what reads files as they arrive; " +
      "layers/ holds what makes bronze, silver and gold, and contracts; the top (surface) holds what is named from " +
      "outside: by flows, notebooks, the platform's tools and Prefect's database; prefect/ holds what makes Prefect " +
      "run pipelines";
    expect(misplaced(library, graph)).toEqual([
      `lake.py imports layers/silver.py: base may import base. ${where}`,
      `tools/new.py is in no room: ${where}`,
    ]);
  });

  test("go down only between the rooms of the library", () => {
    expect(misplaced(library, inside(graphOf("pipelines"), "datalab"))).toEqual([]);
  });

  test("go down only between the rooms of the dashboard", () => {
    expect(misplaced(dashboard, graphOf("src/dashboard"))).toEqual([]);
  });

  test("of a pipeline are the base and the surface of the library: what users copy stays where it is", () => {
    const graph = graphOf("pipelines");
    const flows = [...graph.keys()].filter((path) => !/^(datalab|tests)\//.test(path));
    expect(flows).toContain("medallion_etl/flow.py");
    const named = new Set(
      flows.flatMap((path) => graph.get(path) ?? []).filter((p) => p.startsWith("datalab/")),
    );
    const outside = [...named].filter((path) => path.slice("datalab/".length).includes("/"));
    expect(outside).toEqual([]);
  });

  test("of a package's own file are none: a program loads what it needs and no more", () => {
    const packages = python.filter((path) => path.endsWith("/__init__.py"));
    expect(packages).toContain("pipelines/datalab/__init__.py");
    expect(
      packages.filter((path) => /^\s*(?:from|import)\s/m.test(read(path).replace(/"""[\s\S]*?"""/g, ""))),
    ).toEqual([]);
  });
});

describe("Python's names that are texts", () => {
  const modules = new Set(
    glob("pipelines/datalab/**/*.py").map((path) =>
      path.slice("pipelines/".length, -".py".length).replaceAll("/", "."),
    ),
  );

  test("of `python -m` are files of the library", () => {
    const named = glob("src/**/*.ts").flatMap((path) =>
      [...read(path).matchAll(/"-m", "(datalab\.[\w.]+)"/g)].map(([, module = ""]) => module),
    );
    expect([...new Set(named)].sort()).toEqual([
      "datalab.lake_cli",
      "datalab.prefect.register",
      "datalab.prefect.server",
      "datalab.prefect.worker",
    ]);
    expect(named.filter((module) => !modules.has(module))).toEqual([]);
  });

  test("that stand in Prefect's database stay what they were: deployments of earlier releases have them", () => {
    const registrar = read("pipelines/datalab/prefect/register.py");
    for (const [module, name] of [
      ["datalab.bundles", "fetch"],
      ["datalab.health", "roundtrip"],
    ]) {
      expect(registrar).toContain(`"${module}.${name}"`);
      expect(read(`pipelines/${module?.replace(".", "/")}.py`)).toContain(`\ndef ${name}(`);
    }
  });
});

describe("Python's files", () => {
  test("have less than 300 lines", () => {
    const most = (path: string) => (/(^|\/)tests\//.test(path) ? 400 : 300);
    const long = python
      .map((path) => ({ path, lines: read(path).split("\n").length }))
      .filter(({ path, lines }) => lines > most(path));
    expect(long).toEqual([]);
  });

  test("are at most 25 in a folder", () => {
    const count = new Map<string, number>();
    for (const path of python) count.set(dirname(path), (count.get(dirname(path)) ?? 0) + 1);
    expect([...count].filter(([, files]) => files > 25)).toEqual([]);
  });

  test("are not called after nothing", () => {
    expect(python.filter((path) => /\/(utils?|helpers?|common|misc)(\.py$|\/)/.test(path))).toEqual([]);
  });
});
