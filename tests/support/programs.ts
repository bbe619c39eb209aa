import { chmodSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { onTestFinished } from "vitest";
import { makeProject } from "./project.ts";

/**
 * Puts a program of the test's own in the place of another: a script for `node` that finds its arguments in
 * `args`, and a folder of its own in `folder`. It is the first on PATH while the test runs. Returns that
 * folder.
 */
export function standIn(name: string, script: string): string {
  const folder = makeProject({}, { bare: true });
  const code = `import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
const [, , ...args] = process.argv;
const folder = ${JSON.stringify(folder)};
appendFileSync(folder + "/calls", JSON.stringify(args) + "\\n");
${script}
`;
  writeFileSync(join(folder, `${name}.mjs`), code);
  writeFileSync(join(folder, name), `#!/bin/sh\nexec '${process.execPath}' '${folder}/${name}.mjs' "$@"\n`);
  chmodSync(join(folder, name), 0o755);
  setVariable("PATH", `${folder}${delimiter}${process.env.PATH ?? ""}`);
  if (name === "docker") setVariable("DATALAB_DOCKER", join(folder, "docker"));
  return folder;
}

/** Sets an environment variable while the test runs. */
export function setVariable(name: string, value: string | undefined): void {
  const before = process.env[name];
  const set = (to: string | undefined) => {
    if (to === undefined) delete process.env[name];
    else process.env[name] = to;
  };
  set(value);
  onTestFinished(() => set(before));
}
