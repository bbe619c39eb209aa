import { once } from "node:events";
import { createWriteStream, writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import * as shapes from "../../support/shapes.ts";
import type { Stage } from "../../support/stage.ts";

/**
 * What may become of a file that is not what it should be: refused with a clear error, or loaded with a count
 * of what is wrong.
 */
export function brokenFiles(stage: Stage): void {
  describe("broken files", () => {
    const write = (name: string, content: string | Buffer): string => {
      const path = stage.project.path(name);
      writeFileSync(path, content);
      return path;
    };
    const ingest = async (path: string, table: string) => {
      const ran = await stage.project.datalab("data", "ingest", path, table, "--json");
      return { ...ran, answer: JSON.parse(ran.stdout) as unknown };
    };
    const refused = async (path: string, table: string, code: number) => {
      const ran = await ingest(path, table);
      expect(ran.code, ran.stderr).toBe(code);
      expect(ran.stderr).toMatch(/^✖ /m);
      expect(ran.stderr).not.toMatch(/unexpected error|Traceback/);
      expect((await stage.tables()).filter(({ name }) => name.startsWith(table))).toEqual([]);
      return shapes.failure.parse(ran.answer).error;
    };

    test("a missing file, a directory and an empty file are refused as wrong usage", async () => {
      expect((await refused(stage.project.path("none.csv"), "none", 2)).code).toBe("E_FILE_MISSING");
      expect((await refused(stage.project.path("docs"), "folder", 2)).code).toBe("E_FILE");
      expect((await refused(write("empty.csv", ""), "empty", 2)).code).toBe("E_FILE_EMPTY");
    });

    test("a binary file is refused, and no table is made", async () => {
      const bytes = Buffer.alloc(200_000);
      for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7919) % 256;
      const { message } = await refused(write("binary.csv", bytes), "binary", 1);
      expect(message).toContain("binary.csv");
    });

    test("a line of 40 MB is refused with its limit, and no table is made", async () => {
      const path = write("long.csv", `a,b\n1,${"x".repeat(40 * 2 ** 20)}\n`);
      const { message } = await refused(path, "long_line", 1);
      expect(message).toMatch(/line|long|bytes|MiB|MB/i);
    });

    test("a line of 1 GB is refused too, and the platform stays well", async () => {
      const path = stage.project.path("huge.csv");
      const file = createWriteStream(path);
      file.write("a,b\n1,");
      const piece = Buffer.alloc(2 ** 20, "x");
      for (let i = 0; i < 1024; i++) if (!file.write(piece)) await once(file, "drain");
      file.end("\n");
      await once(file, "finish");
      await refused(path, "huge_line", 1);
      stage.project.docker("exec", stage.container("prefect-worker"), "true");
    });

    test("ragged rows are loaded, counted, and end in quarantine with a reason", async () => {
      const path = write(
        "ragged.csv",
        "id,name,amount\n1,one,10\n2,two\n3,three,30,extra,words\n4,four,40\n",
      );
      const ran = await ingest(path, "ragged");
      expect(ran.code, ran.stderr).toBe(0);
      expect(shapes.ingested.parse(ran.answer)).toMatchObject({ rows: 4, malformed: 2 });
    });

    test("bytes that are no UTF-8 are read as what they are, or counted", async () => {
      const path = write("latin.csv", Buffer.from("id,city\n1,Zürich\n2,Málaga\n3,Århus\n", "latin1"));
      const ran = await ingest(path, "latin");
      expect(ran.code, ran.stderr).toBe(0);
      expect(shapes.ingested.parse(ran.answer).rows).toBe(3);
    });

    test("after all of them the lake is consistent: every row is in silver or in quarantine", async () => {
      const ran = await stage.runMedallion();
      expect(ran.code, ran.stderr).toBe(0);
      const found = await stage.tables();
      const rows = (layer: string, name: string) =>
        found.find((t) => t.layer === layer && t.name === name)?.rows ?? 0;
      for (const { name } of found.filter(({ layer }) => layer === "bronze")) {
        expect(rows("silver", name) + rows("silver", `${name}_quarantine`), name).toBe(rows("bronze", name));
      }
      expect(
        found
          .filter(({ layer }) => layer === "bronze")
          .map(({ name }) => name)
          .sort(),
      ).toEqual(["flights", "latin", "ragged"]);
      expect(rows("silver", "ragged_quarantine")).toBe(2);
      const cities = await stage.query<{ city: string }>("SELECT city FROM silver.latin ORDER BY id");
      expect(cities.map(({ city }) => city)).toEqual(["Zürich", "Málaga", "Århus"]);
    });

    afterAll(() => {
      for (const name of ["huge.csv", "long.csv"]) writeFileSync(stage.project.path(name), "");
    });
  });
}
