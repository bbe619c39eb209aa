/** A small project folder with the real image recipes, to change things in. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { onTestFinished } from "vitest";

export const repository = resolve(import.meta.dirname, "../..");

/** A throw-away project; removed when the test ends. */
export class Project {
  readonly root: string = mkdtempSync(join(tmpdir(), "datalab-test-"));

  constructor() {
    onTestFinished(() => rmSync(this.root, { recursive: true, force: true }));
    cpSync(join(repository, "src/images"), join(this.root, "src/images"), { recursive: true });
    this.write("pipelines/requirements.lock", "one==1\n");
    this.write("pipelines/requirements-test.lock", "pytest==1\n");
    this.write("pipelines/pyproject.toml", "");
    this.write("pipelines/datalab/__init__.py", "");
    this.write("src/services/store/server.py", "");
    this.write("pipelines/sales/pipeline.yaml", "summary: sales\n");
    this.write("pipelines/sales/flow.py", "");
    this.write("pipelines/tests/test_sales.py", "");
    this.write("src/core/main.ts", 'import { a } from "./a.ts";\nimport { z } from "zod";\na(z);\n');
    this.write("src/core/a.ts", 'import type { B } from "./b.ts";\nexport const a = (b: B) => b;\n');
    this.write("src/core/b.ts", "export type B = unknown;\n");
    this.lockPackages({ zod: "4.0.0", esbuild: "0.1.0", other: "1.0.0" });
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  lockPackages(versions: Record<string, string>): void {
    const packages = Object.entries(versions).map(([name, version]) => [`node_modules/${name}`, { version }]);
    this.write("package-lock.json", JSON.stringify({ packages: Object.fromEntries(packages) }));
  }
}
