import * as aws from "@pulumi/aws";
import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { balancerPolicy } from "./balancer-policy.ts";
import { balancerChart, type Chart } from "./charts.ts";
import type { Cluster } from "./cluster.ts";
import type { Files } from "./files.ts";
import { createRole, trustsPods } from "./iam.ts";
import type { Keys } from "./keys.ts";
import type { Network } from "./network.ts";
import { registryHost } from "./registry.ts";
import { Part, type Stage, stackTags } from "./stage.ts";

/** What runs in the cluster on behalf of the account: storage classes, and who makes load balancers. */

const namespace = "kube-system";

/** Kinds of volumes: `gp3` for one pod's disk, `efs` for people's folders. */
export function createStorageClasses(
  stage: Stage,
  keys: Keys,
  files: Files,
  cluster: k8s.Provider,
): k8s.storage.v1.StorageClass[] {
  const part = new Part("Storage", "storage", stage);
  const labels = stackTags(stage.model.stack);
  const options = { parent: part, provider: cluster };
  const made = [
    new k8s.storage.v1.StorageClass(
      part.child("gp3"),
      {
        metadata: {
          name: "gp3",
          labels,
          annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
        },
        provisioner: "ebs.csi.aws.com",
        parameters: {
          type: "gp3",
          encrypted: "true",
          kmsKeyId: keys.cluster.arn,
          "csi.storage.k8s.io/fstype": "ext4",
        },
        // Data that a claim is taken away from stays until somebody deletes the volume.
        reclaimPolicy: "Retain",
        volumeBindingMode: "WaitForFirstConsumer",
        allowVolumeExpansion: true,
      },
      options,
    ),
    new k8s.storage.v1.StorageClass(
      part.child("efs"),
      {
        metadata: { name: "efs", labels },
        provisioner: "efs.csi.aws.com",
        parameters: {
          provisioningMode: "efs-ap",
          fileSystemId: files.system.id,
          basePath: "/homes",
          directoryPerms: "700",
          uid: "10001",
          gid: "10001",
          ensureUniqueDirectory: "true",
        },
        mountOptions: ["tls"],
        reclaimPolicy: "Retain",
        volumeBindingMode: "Immediate",
        allowVolumeExpansion: true,
      },
      { ...options, dependsOn: [...files.ready] },
    ),
  ];
  part.done();
  return made;
}

/** A chart out of the account's own registry; what it runs comes from there as well. */
export function release(
  stage: Stage,
  part: Part,
  { chart, version }: Chart,
  values: pulumi.Inputs,
  options: pulumi.CustomResourceOptions,
): k8s.helm.v3.Release {
  return new k8s.helm.v3.Release(
    chart,
    {
      name: chart,
      namespace,
      chart: `oci://${registryHost(stage.account)}/${stage.name}/charts/${chart}`,
      version,
      atomic: true,
      cleanupOnFail: true,
      waitForJobs: true,
      timeout: 600,
      maxHistory: 3,
      values,
    },
    { parent: part, ...options },
  );
}

/** Makes the load balancer that the ingress of the platform asks for. */
export function createBalancerController(
  stage: Stage,
  network: Network,
  cluster: Cluster,
  provider: k8s.Provider,
): pulumi.Resource[] {
  const part = new Part("LoadBalancers", "load-balancers", stage);
  const { account, name } = stage;
  const role = createRole(stage, part, "controller", {
    summary: "Creates load balancers for the cluster's ingresses",
    trust: trustsPods(account.accountId, cluster.eks.arn),
    policy: balancerPolicy(name, account.region, account.accountId),
  });
  const serviceAccount = balancerChart.chart;
  const association = new aws.eks.PodIdentityAssociation(
    part.child("controller"),
    {
      clusterName: cluster.eks.name,
      namespace,
      serviceAccount,
      roleArn: role.arn,
      tags: part.tags("controller"),
    },
    { parent: part, dependsOn: [...role.ready] },
  );
  const open = account.ingressCidrs.length > 0;
  const installed = release(
    stage,
    part,
    balancerChart,
    {
      clusterName: name,
      region: account.region,
      vpcId: network.vpc.id,
      image: {
        repository: `${registryHost(account)}/${name}/${balancerChart.images[0]}`,
        tag: balancerChart.tag,
      },
      serviceAccount: { create: true, name: serviceAccount },
      defaultTags: stackTags(stage.model.stack),
      enableServiceMutatorWebhook: false,
      createIngressClassResource: true,
      ingressClass: "alb",
      ingressClassParams: {
        create: true,
        name: "alb",
        spec: {
          scheme: open ? "internet-facing" : "internal",
          ipAddressType: "ipv4",
          targetType: "ip",
          inboundCIDRs: open ? [...account.ingressCidrs] : [account.vpcCidr],
          sslPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06",
          ...(account.certificateArn !== null && { certificateArn: [account.certificateArn] }),
          loadBalancerAttributes: [
            { key: "routing.http.drop_invalid_header_fields.enabled", value: "true" },
            { key: "deletion_protection.enabled", value: "false" },
            { key: "idle_timeout.timeout_seconds", value: "600" },
          ],
        },
      },
    },
    { provider, dependsOn: [association, ...network.ready] },
  );
  part.done();
  return [installed];
}
