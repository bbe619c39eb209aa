/**
 * A person of this machine who has the clients of the products and nothing of the platform: an unprivileged
 * container on the host's network, with an empty home.
 */
import { execFile, execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { type Section, shifted } from "../../support/clients-page.ts";
import type { Stage } from "./stage.ts";

const label = `datalab.tests=${process.env.DATALAB_TEST_RUN ?? "1"}`;
const home = "/home/somebody";
/** What a command that hangs is killed after. */
const patience = 150_000;

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}
export type Settings = Readonly<Record<string, string>>;

/** What a section's settings export, when the shell is in the checkout. */
export async function settingsOf(stage: Stage, section: Section): Promise<Settings> {
  const names = [...section.settings.matchAll(/^export (\w+)=/gm)].map(([, name = ""]) => name);
  const script = `${shifted(section.settings, stage.port(0))}\nprintf '%s\\0' ${names.map((n) => `"$${n}"`).join(" ")}`;
  // Not through the project: its transcript must contain no secret.
  const env = { ...stage.project.env, DATALAB_STACK: stage.project.stack };
  const { stdout, stderr } = await ended("bash", ["--norc", "-eu", "-c", script], env, stage.project.root);
  const values = stdout.split("\0");
  for (const [i, name] of names.entries()) expect(values[i], `${name}: ${stderr}`).toMatch(/[^=:]$/);
  expect(stderr).toBe("");
  return Object.fromEntries(names.map((name, i) => [name, values[i] as string]));
}

/** The section's programs, then its commands, as one shell script. */
export function scriptOf(stage: Stage, { files, commands }: Section): string {
  const written = Object.entries(files).map(
    ([name, code]) => `cat >${name} <<'END OF FILE'\n${code}END OF FILE\n`,
  );
  return [...written, ...commands].map((text) => shifted(text, stage.port(0))).join("");
}

/** Runs a script as a person outside would, with these settings in the environment. */
export async function outside(image: string, settings: Settings, script: string): Promise<Ended> {
  const docker = process.env.DATALAB_DOCKER || "docker";
  const name = `datalab-tests-outside-${randomUUID().slice(0, 8)}`;
  const args = [
    ...["run", "--rm", "--name", name, "--label", label, "--network", "host"],
    ...["--user", "10001:10001", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only"],
    ...["--tmpfs", "/tmp:exec,mode=1777", "--tmpfs", `${home}:exec,uid=10001,gid=10001`, "--memory", "1g"],
    // The image's clients alone: the platform's library is in it as well.
    ...["--workdir", home, "--env", `HOME=${home}`, "--env", "PYTHONPATH=/opt/test-lib"],
    // By name only: an argument can be read by everybody.
    ...Object.keys(settings).flatMap((key) => ["--env", key]),
    ...[image, "bash", "--norc", "-euo", "pipefail", "-c", script],
  ];
  const env = { ...process.env, ...settings };
  const result = await ended(docker, args, env, "/");
  // A client that is killed leaves its container.
  if (result.code < 0) execFileSync(docker, ["rm", "--force", name], { stdio: "ignore" });
  return result;
}

function ended(program: string, args: string[], env: NodeJS.ProcessEnv, cwd: string): Promise<Ended> {
  const began = performance.now();
  return new Promise((done) => {
    const child = execFile(
      program,
      args,
      { env, cwd, timeout: patience, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        done({ code, stdout, stderr, seconds: (performance.now() - began) / 1000 });
      },
    );
    child.stdin?.end();
  });
}
