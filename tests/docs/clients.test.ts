/** What docs/clients.md says, as far as it can be checked without a platform: the acceptance tests run it. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { services } from "../../src/services/index.ts";
import { clientSections, portsIn, shifted, shown } from "../support/clients-page.ts";
import { modelOf } from "../support/project.ts";

const root = resolve(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/clients.md"), "utf8");
const sections = clientSections(page);
const model = modelOf("", "dev", services);
const secrets = model.secrets.map(({ id }) => id);
const published = model.services.flatMap(({ workloads }) =>
  workloads.flatMap(({ endpoints }) => endpoints.flatMap(({ published }) => published ?? [])),
);

test("every product that has a client of its own has a section", () => {
  const products = ["MLflow", "Prefect", "PostgreSQL", "boto3", "s5cmd", "Spark Connect", "JupyterHub"];
  expect([...sections.keys()].filter((name) => name !== "Runs on the platform")).toEqual(products);
});

describe.each([...sections])("%s", (_, { settings, commands, files, printed }) => {
  test("has settings, commands and output, and runs the programs that it shows", () => {
    expect(settings).toMatch(/^export /);
    expect(printed.length).toBeGreaterThan(0);
    for (const file of Object.keys(files)) expect(commands[0]).toBe(`python ${file}\n`);
  });

  test("names ports that are published, and secrets that there are", () => {
    const ports = portsIn(settings + commands.join(""));
    expect(ports.length).toBeGreaterThan(0);
    expect(published).toEqual(expect.arrayContaining(ports));
    const asked = [...settings.matchAll(/secrets show ([\w/-]+)/g)].map(([, id]) => id);
    expect(asked.length).toBeGreaterThan(0);
    expect(secrets).toEqual(expect.arrayContaining(asked));
  });
});

test("ports are shifted, other numbers are not", () => {
  expect(shifted("http://127.0.0.1:5000/5000", 11)).toBe("http://127.0.0.1:5011/5000");
});

test("output is compared line by line, in its order", () => {
  const expected = ["a (1)", "... c", "a (1)"];
  expect(shown("x\na (1)\nb b c\na (1)\n", expected)).toEqual(expected);
  expect(shown("b b c\na (1)\n", expected)).toEqual(["a (1)"]);
  expect(shown("a (1) and more\n", expected)).toEqual([]);
});

test("clients have the versions of the servers", () => {
  const named = [...page.matchAll(/pip install "?([\w-]+==[\d.]+)/g)].map(([, pinned]) => pinned);
  expect(named.length).toBe(3);
  const locked = readFileSync(join(root, "pipelines/requirements.lock"), "utf8");
  for (const pinned of named) expect(locked).toContain(`\n${pinned} `);
});
