/** promtool and amtool: those on PATH, else those of the image that runs Prometheus. */
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
 * Writes files to a folder, runs one shell script there and returns what it said. Paths under /run/datalab in the files
 * lead to the folder.
 */
export function withTools(files: Readonly<Record<string, string>>, script: string): Ran {
  const folder = mkdtempSync(join(tmpdir(), "datalab-rules-"));
  chmodSync(folder, 0o755);
  try {
    const local = onPath("promtool") && onPath("amtool");
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), local ? text.replaceAll(mounted, folder) : text);
    }
    return local ? run("bash", ["-c", script], folder) : inImage(folder, script);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function inImage(folder: string, script: string): Ran {
  const docker = process.env.DATALAB_DOCKER || "docker";
  const image = imageTag("services");
  const there = spawnSync(docker, ["image", "inspect", "--format", "{{.Id}}", image], { encoding: "utf8" });
  if (there.status !== 0) {
    throw new Error(
      `promtool and amtool are not on PATH, and ${image} is missing: run ./datalab images build services`,
    );
  }
  return run(docker, [
    ...["run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--label", "datalab.tests=1"],
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

const onPath = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

function run(program: string, args: readonly string[], cwd?: string): Ran {
  const ran = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26, ...(cwd && { cwd }) });
  if (ran.error) throw ran.error;
  return { code: ran.status ?? 1, output: `${ran.stdout}${ran.stderr}` };
}
