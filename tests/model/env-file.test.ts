import { chmodSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { envFile } from "../../src/model/env-file.ts";
import { environmentOf, sourcedBy } from "../support/env-file.ts";
import { makeProject } from "../support/project.ts";

const value = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."'\"\\$`\n\r\t !#&|;()<>*?~{}[]=ab") }),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary-ascii" }).map((text) => text.replaceAll("\0", "")),
);

describe("the env file", () => {
  test.each(["sh", "bash"] as const)("holds any value: %s reads back the very bytes", (shell) => {
    // Hundreds of values to a file: a process a value would take minutes.
    const values = fc.array(value, { minLength: 100, maxLength: 300, size: "max" });
    fc.assert(
      fc.property(values, (texts) => {
        const named = texts.map((text, i) => [`V_${i}`, text] as const);
        const found = sourcedBy(shell, envFile(named));
        expect(named.map(([name]) => found.get(name)?.toString("hex"))).toEqual(
          named.map(([, text]) => Buffer.from(text).toString("hex")),
        );
      }),
      { numRuns: 10 },
    );
  });

  test("is read by datalab-start itself", () => {
    const values = {
      APOSTROPHE: "It's a 'quoted' secret'",
      PRICE: '5 $ net, "as is" \\ ',
      COMMAND: "$(exit 3) `exit 4` $NONE",
      LINES: "first\nSECOND='no variable'\r\n\n",
      UNICODE: "naïve 数据 🜚",
      EMPTY: "",
    };
    const source = resolve(import.meta.dirname, "../../src/images/base/datalab-start");
    const folder = makeProject({ env: envFile(Object.entries(values)) }, { bare: true });
    const fixed = "env_file=/run/datalab/env";
    const program = readFileSync(source, "utf8");
    expect(program).toContain(`\n${fixed}\n`);
    const start = join(folder, "start");
    writeFileSync(start, program.replace(fixed, `env_file='${join(folder, "env")}'`));
    chmodSync(start, 0o755);
    const found = environmentOf(start, ["env", "-0"]);
    for (const [name, text] of Object.entries(values)) expect(found.get(name)?.toString()).toBe(text);
  });

  test("is nothing for no variables, and a line for each of them in their order", () => {
    const two = envFile([
      ["B", "it's"],
      ["A", ""],
    ]);
    expect([envFile([]), two]).toEqual(["", "B='it'\\''s'\nA=''\n"]);
  });

  test("has one writer", () => {
    const writers = /\}='\$\{/;
    const root = resolve(import.meta.dirname, "../..");
    const found = globSync("src/**/*.ts", { cwd: root }).filter((path) =>
      writers.test(readFileSync(join(root, path), "utf8")),
    );
    expect(found).toEqual([]);
  });
});
