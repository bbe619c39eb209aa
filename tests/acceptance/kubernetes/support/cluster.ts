/** The cluster that acceptance tests may use: named on purpose, never the current context of whoever runs them. */
import { spawnSync } from "node:child_process";

const kubeconfig = process.env.DATALAB_TEST_KUBECONFIG;
const registry = process.env.DATALAB_TEST_REGISTRY ?? "127.0.0.1:5000";
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
  run(process.env.DATALAB_KUBECTL ?? "kubectl", ["--kubeconfig", kubeconfig ?? "", ...args]).trim();

export function apply(objects: readonly object[]): void {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
  const args = ["--kubeconfig", kubeconfig ?? "", "apply", "--filename", "-"];
  run(process.env.DATALAB_KUBECTL ?? "kubectl", args, list);
}

/** Why there is no cluster to test on; undefined: there is one. */
export function noCluster(): string | undefined {
  if (!kubeconfig) return "DATALAB_TEST_KUBECONFIG names no kubeconfig of a cluster for tests";
  try {
    kubectl("get", "--raw", "/readyz");
    return undefined;
  } catch (error) {
    return (error as Error).message.trim();
  }
}

/** Pushes an image of this machine to the tests' registry; its name there, by digest. */
export function pushed(tag: string): string {
  const name = `${registry}/${tag.replace(/:.*/, "")}`;
  run(docker, ["tag", tag, `${name}:test`]);
  const digest = /sha256:[0-9a-f]{64}/.exec(run(docker, ["push", `${name}:test`]))?.[0];
  if (!digest) throw new Error(`docker push ${name}: no digest`);
  return `${name}@${digest}`;
}
