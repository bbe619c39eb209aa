import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { releaseOf } from "../../images/reference.ts";
import { type Edge, egressOf } from "../../model/edges.ts";
import type { ClusterModel, PlatformModel, SpawnModel, WorkloadModel } from "../../model/platform.ts";
import { isSecret, type Template } from "../../model/refs.ts";
import type { Values } from "../values.ts";
import { rulesOf } from "./access.ts";
import { createFiles } from "./files.ts";
import { priorityClass, selector, spawnedLabels, spawnFile, workloadLabels } from "./names.ts";
import { podPolicy } from "./network.ts";
import { podSpec } from "./pod.ts";
import { waitSeconds } from "./probes.ts";
import {
  autoscaler,
  deployment,
  disruptionBudget,
  everyService,
  isSeveral,
  isStateful,
  job,
  service,
  servicePorts,
  statefulSet,
  type WorkloadArgs,
} from "./workload.ts";

/** What all workloads of a stack share. */
export interface Stage {
  readonly model: PlatformModel;
  readonly cluster: ClusterModel;
  readonly values: Values;
  readonly image: (name: string) => string;
  readonly edges: readonly Edge[];
  /** What must stand before any pod. */
  readonly foundation: readonly pulumi.Resource[];
  /** One-shots that are declared already, by workload. */
  readonly oneShots: Map<string, pulumi.Resource>;
}

/** A workload with everything of its own: account, files, network rules, name, and the pods' controller. */
export function createWorkload(stage: Stage, workload: WorkloadModel, parent: pulumi.Resource): void {
  const { model, cluster, values, image, foundation } = stage;
  const { stack } = model;
  const { namespace } = cluster;
  const { name } = workload;
  const options: pulumi.CustomResourceOptions = { parent, dependsOn: [...foundation] };
  const labels = workloadLabels(stack, workload);
  const account = createAccount(stage, workload, options);
  const network = createNetwork(stage, workload, options);
  const spawned = workload.spawns.map((spawn) => createSpawn(stage, workload, spawn, options));
  const files = createFiles(
    {
      name,
      namespace,
      labels,
      env: workload.env,
      files: workload.files,
      extra: Object.fromEntries(spawned.map(({ key, template }) => [spawnFile(key), template])),
      values,
    },
    options,
  );
  const args: WorkloadArgs = {
    stack,
    namespace,
    workload,
    release: shortRelease(image(workload.image)),
    filesHash: files.hash,
    storageClass: cluster.storageClass,
    pod: podSpec({
      ...workload,
      image: image(workload.image),
      args: workload.command.map((text) => values.plain(text)),
      env: { ...plainEnv(workload.env, values), ...waitEnv(workload) },
      ...(workload.spawns.length > 0 && {
        fieldEnv: { DATALAB_POD: "metadata.name", DATALAB_POD_IP: "status.podIP" },
      }),
      ports: servicePorts(workload).map(({ name: port, port: containerPort }) => ({
        name: port,
        containerPort,
      })),
      serves: !workload.oneShot && workload.endpoints.length > 0,
      serviceAccount: name,
      apiToken: rulesOf(workload).length > 0,
      priorityClass: priorityClass(stack, isStateful(workload) ? "data" : "service"),
      pullSecrets: cluster.pullSecrets,
      cpuOvercommit: cluster.cpuOvercommit,
      files: files.sources,
      mounts: workload.volumes.map((volume) => ({ name: volume.name, mountPath: volume.path })),
      volumes: [],
      ...(isSeveral(workload) && { spread: selector(stack, name) }),
    }),
  };
  const needed = [
    ...foundation,
    ...account,
    network,
    ...files.resources,
    ...spawned.flatMap((s) => s.resources),
    ...workload.afterOneShots.flatMap((other) => stage.oneShots.get(other) ?? []),
  ];
  createNames(args, options);
  const oneShot = createController(args, { parent, dependsOn: needed });
  if (oneShot) stage.oneShots.set(name, oneShot);
}

const shortRelease = (reference: string): string => releaseOf(reference).slice(0, 16);

function plainEnv(env: Readonly<Record<string, Template>>, values: Values): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env)
      .filter(([, text]) => !isSecret(text))
      .map(([name, text]) => [name, values.plain(text)]),
  );
}

function waitEnv({ waitFor }: WorkloadModel): Record<string, string> {
  if (waitFor.length === 0) return {};
  return {
    DATALAB_WAIT: waitFor.map(({ workload, port }) => `${workload}:${port}`).join(" "),
    DATALAB_WAIT_SECONDS: String(waitSeconds),
  };
}

/** An account of its own, which can do nothing unless the workload must. */
function createAccount(
  { model, cluster }: Stage,
  workload: WorkloadModel,
  options: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  const { name } = workload;
  const metadata = {
    name,
    namespace: cluster.namespace,
    labels: { ...workloadLabels(model.stack, workload) },
  };
  const account = new k8s.core.v1.ServiceAccount(
    name,
    { metadata, automountServiceAccountToken: false },
    options,
  );
  const rules = rulesOf(workload);
  if (rules.length === 0) return [account];
  const role = new k8s.rbac.v1.Role(name, { metadata, rules }, options);
  const binding = new k8s.rbac.v1.RoleBinding(
    name,
    {
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name, namespace: cluster.namespace }],
    },
    { ...options, dependsOn: [role, account] },
  );
  return [account, role, binding];
}

function createNetwork(
  { model, cluster, edges }: Stage,
  workload: WorkloadModel,
  options: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const isEntry = workload.ports.length > 0;
  const policy = podPolicy(
    { stack: model.stack, namespace: cluster.namespace, edges },
    {
      name: workload.name,
      apiServer: rulesOf(workload).length > 0 ? cluster.apiServer : [],
      outside: portsOutside(model, workload.name, workload.reaches),
      ...(isEntry && {
        entry: {
          namespace: cluster.ingress.namespace,
          ...(cluster.ingress.cidrs && { cidrs: cluster.ingress.cidrs }),
          ports: workload.ports.map(({ internal }) => internal).sort((a, b) => a - b),
        },
      }),
    },
  );
  return new k8s.networking.v1.NetworkPolicy(workload.name, policy, options);
}

interface Spawned {
  readonly key: string;
  /** The template of its pods, as JSON. */
  readonly template: pulumi.Output<string>;
  readonly resources: readonly pulumi.Resource[];
}

/** The template that a workload starts pods from, with the files, rules and account that they have. */
function createSpawn(
  stage: Stage,
  workload: WorkloadModel,
  spawn: SpawnModel,
  options: pulumi.CustomResourceOptions,
): Spawned {
  const { model, cluster, values, image, edges } = stage;
  const { stack } = model;
  const { namespace } = cluster;
  const owner = { name: spawn.name, service: workload.service };
  const labels = spawnedLabels(stack, owner);
  const metadata = { name: spawn.name, namespace, labels: { ...workloadLabels(stack, owner) } };
  const account = new k8s.core.v1.ServiceAccount(
    spawn.name,
    { metadata, automountServiceAccountToken: false },
    options,
  );
  const network = new k8s.networking.v1.NetworkPolicy(
    spawn.name,
    podPolicy(
      { stack, namespace, edges },
      { name: spawn.name, apiServer: [], outside: portsOutside(model, spawn.name) },
    ),
    options,
  );
  const files = createFiles(
    { name: spawn.name, namespace, labels: metadata.labels, env: spawn.env, files: spawn.files, values },
    options,
  );
  const spec = podSpec({
    ...spawn,
    image: image(spawn.image),
    env: plainEnv(spawn.env, values),
    ports: spawn.ports.map(({ port }) => ({ name: `port-${port}`, containerPort: port })),
    probe: null,
    stopGraceSeconds: 30,
    serves: false,
    serviceAccount: spawn.name,
    apiToken: false,
    priorityClass: priorityClass(stack, "batch"),
    pullSecrets: cluster.pullSecrets,
    cpuOvercommit: cluster.cpuOvercommit,
    files: files.sources,
    mounts: spawn.home ? [{ name: "home", mountPath: spawn.home.path }] : [],
    // Whoever starts the pod puts the claim's name here.
    volumes: spawn.home ? [{ name: "home", persistentVolumeClaim: { claimName: "home" } }] : [],
  });
  const template = pulumi.output(files.hash).apply((hash) =>
    JSON.stringify(
      {
        metadata: {
          labels: { ...labels, "datalab.release": shortRelease(image(spawn.image)) },
          annotations: { ...(hash !== undefined && { "datalab.files": hash }) },
        },
        spec: { ...spec, restartPolicy: "Never" },
      },
      undefined,
      1,
    ),
  );
  return { key: spawn.key, template, resources: [account, network, ...files.resources] };
}

/** The names that it is reached by. */
function createNames(args: WorkloadArgs, options: pulumi.CustomResourceOptions): void {
  const { name } = args.workload;
  const plain = service(args);
  if (plain) new k8s.core.v1.Service(name, plain, options);
  const every = everyService(args);
  if (every) new k8s.core.v1.Service(`${name}-every`, every, options);
}

/** How long pods may take until they are ready: what they wait for, and their own start. */
const timeouts = { create: "10m", update: "10m" };

/** Ports of what a workload, or what one spawns, reaches outside of the stack. */
const portsOutside = (
  model: PlatformModel,
  name: string,
  declared: WorkloadModel["reaches"] = [],
): number[] => {
  const ports = egressOf(model).flatMap(({ from, port }) => (from === name ? [port] : []));
  return [...new Set([...declared.map(({ port }) => port), ...ports])].sort((a, b) => a - b);
};

function createController(
  args: WorkloadArgs,
  options: pulumi.CustomResourceOptions,
): pulumi.Resource | undefined {
  const { workload } = args;
  const { name } = workload;
  const own = {
    ...options,
    customTimeouts: { ...timeouts, delete: `${workload.stopGraceSeconds + 120}s` },
  };
  if (workload.oneShot) {
    return new k8s.batch.v1.Job(name, job(args), { ...own, deleteBeforeReplace: true });
  }
  if (isStateful(workload)) {
    // Claims stay when their controller is replaced; two of it must never have them at once.
    new k8s.apps.v1.StatefulSet(name, statefulSet(args), { ...own, deleteBeforeReplace: true });
  } else new k8s.apps.v1.Deployment(name, deployment(args), own);
  new k8s.policy.v1.PodDisruptionBudget(name, disruptionBudget(args), options);
  const scaler = autoscaler(args);
  if (scaler) new k8s.autoscaling.v2.HorizontalPodAutoscaler(name, scaler, options);
  return undefined;
}
