import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { imageReference } from "../../images/reference.ts";
import { edgesOf } from "../../model/edges.ts";
import type { ClusterModel, PipelineModel, PlatformModel, ServiceModel } from "../../model/platform.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { describePlatform } from "../describe.ts";
import { identityOf } from "../identity.ts";
import type { Target } from "../target.ts";
import { Values } from "../values.ts";
import { ingressArgs, publicUrls, tlsSecretName } from "./ingress.ts";
import { everyPod, ranks, stackLabels } from "./names.ts";
import { limitRangeArgs, namespaceArgs, priorityClassArgs, quotaArgs } from "./namespace.ts";
import { denyAll } from "./network.ts";
import { createWorkload, type Stage } from "./workload-resources.ts";

/** The model in a Kubernetes cluster that is there already. */
export const kubernetesTarget: Target = {
  deploy(model) {
    const { cluster } = model;
    if (!cluster) throw new Error("the model has no cluster");
    return deployKubernetes(model, cluster, createProvider(cluster));
  },
};

/** Speaks with the named context only; what is in nobody's DNS or configuration is never guessed. */
function createProvider({ context, kubeconfig }: ClusterModel): k8s.Provider {
  return new k8s.Provider("cluster", {
    ...(context !== null && { context }),
    ...(kubeconfig !== null && { kubeconfig }),
    enableServerSideApply: true,
    // The client's own limits are made for people who type.
    kubeClientSettings: { qps: 100, burst: 200 },
  });
}

/** Declares the resources, with a provider that leads to the cluster. */
export function deployKubernetes(
  model: PlatformModel,
  cluster: ClusterModel,
  provider: k8s.Provider,
): pulumi.Output<PlatformOutput> {
  const config = new pulumi.Config("datalab");
  const publicUrl = publicUrls(model, cluster);
  const image = (name: string) => imageReference(name, model.images);
  const values = new Values(model, config.requireSecret("masterSecret"), publicUrl, image, everyPod);
  const root = new Group("Platform", model.stack, {}, { providers: [provider] });
  // At once: what an interrupted update has made must not be nobody's.
  root.done(identityOf(model));
  const foundation = createFoundation(model, cluster, root);

  const stage: Stage = {
    model,
    cluster,
    values,
    image,
    edges: edgesOf(model),
    foundation,
    oneShots: new Map(),
  };
  for (const service of model.services) {
    const component = new Group("Service", service.name, {}, { parent: root });
    for (const workload of service.workloads) createWorkload(stage, workload, component);
    component.done();
  }
  for (const pipeline of model.pipelines) declarePipeline(pipeline, root);

  const platform = describePlatform(model, values, publicUrl, {
    instancesOf: ({ name }) => [{ name, instance: name }],
    kubernetes: {
      context: cluster.context,
      kubeconfig: cluster.kubeconfig,
      namespace: cluster.namespace,
      address: cluster.ingress.address,
      ca: cluster.ingress.tlsSecret === null ? (config.get("tlsAuthority") ?? null) : null,
    },
  });
  return pulumi.output(platform);
}

/**
 * What stands before any pod: the namespace with its rules and its room, and the way in. Returned in the
 * order of need.
 */
function createFoundation(model: PlatformModel, cluster: ClusterModel, root: Group): pulumi.Resource[] {
  const { stack } = model;
  const component = new Group("Foundation", "foundation", {}, { parent: root });
  const options = { parent: component };
  const { namespace: name } = cluster;
  const keepsData = model.services
    .flatMap((s) => s.workloads)
    .some((w) => w.volumes.some(({ policy }) => policy === "retain"));
  const namespace = new k8s.core.v1.Namespace("namespace", namespaceArgs(model, name), {
    ...options,
    // Claims that are kept live in it: who deletes data deletes it as well, see `datalab down --delete-data`.
    retainOnDelete: keepsData,
    customTimeouts: { delete: "5m" },
  });
  const inside = { ...options, dependsOn: [namespace] };
  const network = new k8s.networking.v1.NetworkPolicy(
    "default-deny",
    denyAll({ stack, namespace: name, edges: [] }),
    inside,
  );
  const quota = new k8s.core.v1.ResourceQuota("quota", quotaArgs(model, name, cluster.cpuOvercommit), inside);
  const limits = new k8s.core.v1.LimitRange("limits", limitRangeArgs(stack, name), inside);
  const classes = (Object.keys(ranks) as (keyof typeof ranks)[]).map(
    (rank) => new k8s.scheduling.v1.PriorityClass(`rank-${rank}`, priorityClassArgs(model, rank), options),
  );
  const entry = createEntry(model, cluster, inside);
  component.done();
  return [namespace, network, quota, limits, ...classes, ...entry];
}

function createEntry(
  model: PlatformModel,
  cluster: ClusterModel,
  options: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  const made: pulumi.Resource[] = [];
  if (cluster.ingress.tlsSecret === null) {
    const config = new pulumi.Config("datalab");
    const encoded = (value: pulumi.Input<string>) =>
      pulumi.output(value).apply((text) => Buffer.from(text).toString("base64"));
    made.push(
      new k8s.core.v1.Secret(
        tlsSecretName,
        {
          metadata: {
            name: tlsSecretName,
            namespace: cluster.namespace,
            labels: { ...stackLabels(model.stack) },
          },
          type: "kubernetes.io/tls",
          data: {
            "tls.crt": encoded(config.require("tlsCertificate")),
            "tls.key": pulumi.secret(encoded(config.requireSecret("tlsKey"))),
          },
        },
        options,
      ),
    );
  }
  new k8s.networking.v1.Ingress("pages", ingressArgs(model, cluster), { ...options, dependsOn: made });
  return made;
}

/**
 * What the registration one-shot deploys, so that a preview and the state show each pipeline by name and
 * version.
 */
function declarePipeline({ name, version }: PipelineModel, parent: pulumi.Resource): void {
  new Group("Pipeline", name, { version }, { parent }).done({ version });
}

/** A component that only holds others together. */
class Group extends pulumi.ComponentResource {
  constructor(
    kind: "Platform" | "Foundation" | "Service" | "Pipeline",
    name: ServiceModel["name"],
    args: pulumi.Inputs,
    options: pulumi.ComponentResourceOptions,
  ) {
    super(`datalab:kubernetes:${kind}`, name, args, options);
  }
  done(outputs: object = {}): void {
    this.registerOutputs(outputs);
  }
}
