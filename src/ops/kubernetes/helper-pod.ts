import { DatalabError } from "../../errors.ts";
import { labelNames } from "../../model/names.ts";
import type { Ran } from "../process.ts";
import type { StoreInstance } from "../store-host.ts";
import type { OpenVolume } from "../target.ts";
import type { Cluster } from "./api.ts";
import type { NewClaim } from "./claims.ts";
import { execInPod } from "./exec.ts";
import { type Pod, paths } from "./objects.ts";
import { type Found, until } from "./scale.ts";
import { podState } from "./state.ts";

/**
 * Pods that stand beside a workload for as long as a command needs its volumes, made after the workload's
 * own.
 */

export const role = "migration";
export const container = "main";
const filesPath = "/run/datalab";
const startMs = 120_000;
const stopMs = 60_000;

/** A pod's specification as the API gives it, as far as it is taken over. */
interface PodSpec {
  readonly containers: readonly (Readonly<Record<string, unknown>> & {
    readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  })[];
  readonly volumes?: readonly { readonly name: string }[];
}

/** The claim that a StatefulSet makes of a template for its first and only pod. */
export const claimOf = (workload: string, volume: string): string => `${volume}-${workload}-0`;

export const secrets = (namespace: string): string => `/api/v1/namespaces/${namespace}/secrets`;

export const labelsOf = (stack: string, service: string) => ({
  [labelNames.stack]: stack,
  [labelNames.service]: service,
  [labelNames.role]: role,
});

interface Own {
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  /** The Secret that is /run/datalab. */
  readonly secret?: string;
}

/** The workload's own pod with another command: the same user, account, limits and policies. */
export function podSpec(
  found: Found,
  volumes: readonly { readonly name: string; readonly path: string; readonly claim: string }[],
  image: string,
  own: Own,
): object {
  const spec = found.spec.template?.spec as unknown as PodSpec;
  const [main] = spec.containers;
  const { readinessProbe, livenessProbe, startupProbe, lifecycle, ports, ...kept } = main ?? {};
  const tmp = spec.volumes?.find(({ name }) => name === "tmp");
  return {
    ...spec,
    restartPolicy: "Never",
    containers: [
      {
        ...kept,
        name: container,
        image,
        command: own.command,
        args: own.args,
        env: own.env ?? [],
        volumeMounts: [
          { name: "tmp", mountPath: "/tmp" },
          ...volumes.map(({ name, path }) => ({ name: `${name}-claim`, mountPath: path })),
          ...(own.secret ? [{ name: "files", mountPath: filesPath, readOnly: true }] : []),
        ],
      },
    ],
    volumes: [
      tmp,
      ...volumes.map(({ name, claim }) => ({
        name: `${name}-claim`,
        persistentVolumeClaim: { claimName: claim },
      })),
      ...(own.secret ? [{ name: "files", secret: { secretName: own.secret, defaultMode: 0o440 } }] : []),
    ],
  };
}

export async function createPod(
  cluster: Cluster,
  name: string,
  labels: Readonly<Record<string, string>>,
  spec: object,
): Promise<void> {
  await cluster.send(paths.pods(cluster.target.namespace), {
    method: "POST",
    body: { apiVersion: "v1", kind: "Pod", metadata: { name, labels }, spec },
  });
}

/** What a pod that has ended is reported as: it is the object store's, or opens a user's files. */
type StartCode = "E_STORE_START" | "E_HOME_START";

/**
 * A pod whose command only waits, running when it resolves: what one of this name an earlier call has left
 * goes first.
 */
export async function waitingPod(
  cluster: Cluster,
  name: string,
  labels: Readonly<Record<string, string>>,
  spec: object,
  code: StartCode,
): Promise<OpenVolume> {
  const close = () => removePod(cluster, name);
  await close();
  try {
    await createPod(cluster, name, labels, spec);
    await runs(cluster, name, code);
  } catch (error) {
    await close();
    throw error;
  }
  return { run: (command, options = {}) => execInPod(cluster, name, container, command, options), close };
}

export async function createFiles(cluster: Cluster, instance: StoreInstance, name: string): Promise<void> {
  const data = Object.entries(instance.files).map(([file, text]) => [
    file,
    Buffer.from(text).toString("base64"),
  ]);
  const metadata = { name, labels: labelsOf(instance.stack, instance.workload.service) };
  await cluster.send(secrets(cluster.target.namespace), {
    method: "POST",
    body: { apiVersion: "v1", kind: "Secret", metadata, data: Object.fromEntries(data) },
  });
}

/** A claim as the StatefulSet would make it. */
export function storeClaim(
  found: Found,
  { stack, workload }: StoreInstance,
  volume: { readonly name: string; readonly sizeBytes: number },
): NewClaim {
  const { volumeClaimTemplates: [like] = [] } = found.spec as unknown as {
    volumeClaimTemplates?: { metadata: { labels?: object }; spec: object }[];
  };
  return {
    name: claimOf(workload.name, volume.name),
    labels: like?.metadata.labels ?? {
      [labelNames.stack]: stack,
      [labelNames.service]: workload.service,
    },
    size: `${Math.ceil(volume.sizeBytes / 2 ** 20)}Mi`,
    spec: { ...like?.spec, volumeName: undefined },
  };
}

/** Waits until the pod's container runs. Throws what the cluster says when it can't. */
export async function runs(cluster: Cluster, name: string, code: StartCode): Promise<void> {
  const path = `${paths.pods(cluster.target.namespace)}/${name}`;
  let pod: Pod | undefined;
  await until(
    async () => {
      pod = await cluster.get<Pod>(path);
      if (pod?.status?.phase === "Failed" || pod?.status?.phase === "Succeeded")
        throw await ended(cluster, pod, code);
      return pod?.status?.phase === "Running";
    },
    startMs,
    async () => `The pod ${name} is not running: ${pod ? podState(pod).words : "it is gone"}`,
  );
}

export async function ended(cluster: Cluster, pod: Pod, code: StartCode): Promise<DatalabError> {
  const { name } = pod.metadata;
  const log = await cluster
    .send(`${paths.pods(cluster.target.namespace)}/${name}/log`, { query: { tailLines: 10 }, accept: "*/*" })
    .then((answer) => answer.text())
    .catch(() => "");
  return new DatalabError(code, `The pod ${name} has ended (${podState(pod).words}):\n${log.trim()}`);
}

export function printed(pod: string, { code, stdout, stderr }: Ran): string {
  if (code === 0) return stdout;
  throw new DatalabError(
    "E_STORE_VOLUME",
    `A script on the store's volume failed in ${pod}: ${stderr.trim()}`,
  );
}

/** Gracefully: what an engine has acknowledged must be in its volume. */
export async function removePod(cluster: Cluster, name: string): Promise<void> {
  const path = `${paths.pods(cluster.target.namespace)}/${name}`;
  await cluster.remove(path);
  await until(
    async () => (await cluster.get(path)) === undefined,
    stopMs + startMs,
    async () => `The pod ${name} has not ended`,
  );
}
