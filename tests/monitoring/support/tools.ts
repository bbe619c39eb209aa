/** promtool and amtool: those of the image that runs Prometheus and Alertmanager, else those on PATH. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { imageTag } from "../../../src/images/catalog.ts";

export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Where files are seen by the tools, as workloads see theirs. */
const mounted = "/run/datalab";

/**
 * Writes files to a folder, runs one shell script there and returns what it said. Paths under /run/datalab in
 * the files lead to the folder.
 */
export function withTools(files: Readonly<Record<string, string>>, script: string): Ran {
  const folder = mkdtempSync(join(tmpdir(), "datalab-rules-"));
  chmodSync(folder, 0o755);
  try {
    const image = imageThere();
    const local = image === undefined;
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), local ? text.replaceAll(mounted, folder) : text);
    }
    return local ? onPath(folder, script) : inImage(image, folder, script);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const docker = () => process.env.DATALAB_DOCKER || "docker";

/** The image, when it has been built. */
function imageThere(): string | undefined {
  const image = imageTag("services");
  const found = spawnSync(docker(), ["image", "inspect", "--format", "{{.Id}}", image], { encoding: "utf8" });
  return found.status === 0 ? image : undefined;
}

function inImage(image: string, folder: string, script: string): Ran {
  return run(docker(), [
    ...["run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp"],
    // By which the runner finds a container that was left.
    ...["--label", `datalab.tests=${process.env.DATALAB_TEST_RUN ?? "1"}`],
    ...[
      "--volume",
      `${folder}:${mounted}:ro`,
      "--workdir",
      mounted,
      "--entrypoint",
      "bash",
      image,
      "-c",
      script,
    ],
  ]);
}

function onPath(folder: string, script: string): Ran {
  for (const tool of ["promtool", "amtool"]) {
    if (spawnSync("sh", ["-c", `command -v ${tool}`]).status === 0) continue;
    throw new Error(`the image services is missing, and so is ${tool}: run ./datalab images build services`);
  }
  return run("bash", ["--norc", "-c", script], folder);
}

function run(program: string, args: readonly string[], cwd?: string): Ran {
  const ran = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26, ...(cwd && { cwd }) });
  if (ran.error) throw ran.error;
  return { code: ran.status ?? 1, output: `${ran.stdout}${ran.stderr}` };
}
