import * as aws from "@pulumi/aws";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { stackName } from "../../model/names.ts";
import type { ClusterModel, PlatformModel } from "../../model/platform.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { describePlatform } from "../describe.ts";
import { identityOf } from "../identity.ts";
import { deployKubernetes } from "../kubernetes/index.ts";
import type { Target } from "../target.ts";
import { Values } from "../values.ts";
import { createBalancerController, createStorageClasses } from "./controllers.ts";
import { createFoundation, type Foundation } from "./foundation.ts";
import { createKarpenter } from "./karpenter.ts";
import { registryHost } from "./registry.ts";
import { type Stage, stackTags, stageOf } from "./stage.ts";

/** The model on AWS: what the account gives, and the Kubernetes target on top of it. */
export const awsTarget: Target = { deploy: (model) => deployAws(model) };

/** What puts the platform's workloads into a cluster. */
export type DeployWorkloads = (
  model: PlatformModel,
  cluster: ClusterModel,
  provider: k8s.Provider,
) => pulumi.Output<PlatformOutput>;

/**
 * Two phases of one program. The foundation comes first, for workloads speak with a cluster whose address is
 * unknown until it is there. As long as no image has been pushed there is nothing to run, and the foundation
 * is all: it makes the registry that images are pushed to.
 */
export function deployAws(
  model: PlatformModel,
  deployWorkloads: DeployWorkloads = deployKubernetes,
): pulumi.Output<PlatformOutput> {
  const { aws: account, cluster, stack } = model;
  if (!account || !cluster) throw new Error("the model has no account");
  const root = new Platform(model);
  const provider = new aws.Provider(
    "aws",
    {
      region: account.region as aws.Region,
      allowedAccountIds: [account.accountId],
      defaultTags: { tags: stackTags(stack) },
    },
    { parent: root },
  );
  const stage = stageOf(model, provider, root);
  const master = new pulumi.Config("datalab").requireSecret("masterSecret");
  const values = new Values(
    model,
    master,
    () => "",
    () => "",
  );
  const foundation = createFoundation(stage, master, values);
  const about = {
    accountId: account.accountId,
    region: account.region,
    cluster: stage.name,
    registry: `${registryHost(account)}/${stage.name}`,
  };

  if (!hasImages(model)) {
    return pulumi.output({ ...describePlatform(nothingOf(model), values, () => ""), aws: about });
  }
  const inside = createClusterProvider(stage, foundation);
  createController(stage, foundation, inside);
  const context = { ...cluster, context: stackName(stack) };
  return deployWorkloads(model, context, inside).apply((platform) => ({ ...platform, aws: about }));
}

/** Whether there is anything to run: images are named by digest, once they have been pushed. */
const hasImages = ({ images }: PlatformModel): boolean => Object.keys(images.digests).length > 0;

/** The platform before anything runs. */
const nothingOf = (model: PlatformModel): PlatformModel => ({
  ...model,
  services: [],
  providers: {},
  secrets: [],
  pipelines: [],
  health: null,
  token: null,
});

/** Its kubeconfig is known when everything is that workloads need: they come after it, and go before it. */
function createClusterProvider(stage: Stage, { cluster, ready }: Foundation): k8s.Provider {
  return new k8s.Provider(
    "cluster",
    {
      kubeconfig: cluster.kubeconfig,
      context: stage.name,
      enableServerSideApply: true,
      kubeClientSettings: { qps: 100, burst: 200 },
      // The certificate authority of a cluster may be turned over; the cluster is another one only with
      // another name.
      clusterIdentifier: `${stage.account.accountId}/${stage.account.region}/${stage.name}`,
    },
    { parent: stage.root, dependsOn: [...ready] },
  );
}

function createController(stage: Stage, foundation: Foundation, provider: k8s.Provider): void {
  const { keys, network, cluster, nodes, files } = foundation;
  createStorageClasses(stage, keys, files, provider);
  createBalancerController(stage, network, cluster, provider);
  if (stage.account.karpenter) createKarpenter(stage, keys, cluster, nodes, provider);
}

class Platform extends pulumi.ComponentResource {
  constructor(model: PlatformModel) {
    super("datalab:aws:Platform", model.stack);
    // At once: what an interrupted update has made must not be nobody's.
    this.registerOutputs(identityOf(model));
  }
}
