/**
 * The cluster that acceptance tests may use: named on purpose, never the current context of whoever runs
 * them.
 */
import { spawnSync } from "node:child_process";
import { testCluster } from "../../support/cluster.ts";

const { context, registry } = testCluster ?? {};
const docker = process.env.DATALAB_DOCKER ?? "docker";

function run(program: string, args: readonly string[], input?: string): string {
  const ran = spawnSync(program, args, { encoding: "utf8", maxBuffer: 2 ** 28, ...(input && { input }) });
  if (ran.status !== 0) {
    throw new Error(`${program} ${args.slice(0, 6).join(" ")}: ${ran.stderr || ran.error?.message}`);
  }
  return ran.stdout;
}

/** Runs kubectl; throws with its words when it fails. */
export const kubectl = (...args: readonly string[]): string =>
  run("kubectl", ["--context", context ?? "", ...args]).trim();

export function apply(objects: readonly object[]): void {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
  run("kubectl", ["--context", context ?? "", "apply", "--filename", "-"], list);
}

/** Why there is no cluster to test on; undefined: one is named, and tests fail when it does not answer. */
export function noCluster(): string | undefined {
  if (context && registry) return undefined;
  return "DATALAB_TEST_CONTEXT and DATALAB_TEST_REGISTRY do not say where a cluster for tests is";
}

/** Pushes an image of this machine to the tests' registry; its name there, by digest. */
export function pushed(tag: string): string {
  const name = `${registry}/${tag.replace(/:.*/, "")}`;
  run(docker, ["tag", tag, `${name}:test`]);
  const digest = /sha256:[0-9a-f]{64}/.exec(run(docker, ["push", `${name}:test`]))?.[0];
  if (!digest) throw new Error(`docker push ${name}: no digest`);
  return `${name}@${digest}`;
}
