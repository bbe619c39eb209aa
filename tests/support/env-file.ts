import { execFileSync, type StdioOptions } from "node:child_process";
import { join } from "node:path";
import { makeProject } from "./project.ts";

const env = { PATH: process.env.PATH ?? "" };
// bash reads the rc file of a user when its standard input is a socket.
const stdio: StdioOptions = ["ignore", "pipe", "inherit"];

/** Runs a program and returns the environment that it prints with `env -0`. */
export function environmentOf(program: string, args: readonly string[]): ReadonlyMap<string, Buffer> {
  const output = execFileSync(program, args, { env, stdio, maxBuffer: 2 ** 26 });
  const found = new Map<string, Buffer>();
  for (let at = 0; at < output.length; ) {
    const end = output.indexOf(0, at);
    const equals = output.indexOf("=", at);
    found.set(output.toString("utf8", at, equals), output.subarray(equals + 1, end));
    at = end + 1;
  }
  return found;
}

/** What a shell has in its environment once it has sourced the file as datalab-start does. */
export function sourcedBy(shell: "sh" | "bash", file: string): ReadonlyMap<string, Buffer> {
  const path = join(makeProject({ env: file }, { bare: true }), "env");
  return environmentOf(shell, ["-c", 'set -u; set -a; . "$0"; set +a; exec env -0', path]);
}
