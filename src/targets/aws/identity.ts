import * as aws from "@pulumi/aws";
import { egressOf } from "../../model/edges.ts";
import type { PlatformModel } from "../../model/platform.ts";
import type { Cluster } from "./cluster.ts";
import { createRole, type Statement, trustsPods } from "./iam.ts";
import type { Keys } from "./keys.ts";
import { Part, type Stage } from "./stage.ts";

/** A service account of the stack's namespace, and the buckets that its pods may use. */
export interface Identity {
  readonly account: string;
  readonly buckets: readonly string[];
}

/**
 * Workloads that hold buckets, and what they spawn; where a key opens the buckets, nobody needs an identity.
 */
export function identitiesOf(model: PlatformModel): Identity[] {
  const { bucket } = model.external;
  if (!bucket || bucket.credentials) return [];
  const host = new URL(bucket.url).hostname;
  const told = new Set(egressOf(model).flatMap((e) => (e.host === host ? [e.from] : [])));
  return model.services
    .flatMap((s) => s.workloads)
    .filter((w) => w.buckets.length > 0)
    .flatMap((w) =>
      [w.name, ...w.spawns.map((s) => s.name).filter((name) => told.has(name))].map((account) => ({
        account,
        buckets: w.buckets,
      })),
    );
}

/** A role for each of them, which reaches exactly its buckets. */
export function createIdentities(stage: Stage, keys: Keys, cluster: Cluster): void {
  const part = new Part("Identities", "identities", stage);
  const { model, account } = stage;
  for (const identity of identitiesOf(model)) {
    const role = createRole(stage, part, identity.account, {
      summary: `Buckets of ${identity.account}`,
      trust: trustsPods(account.accountId, cluster.eks.arn),
      policy: bucketStatements(identity, keys),
    });
    new aws.eks.PodIdentityAssociation(
      part.child(identity.account),
      {
        clusterName: cluster.eks.name,
        namespace: model.cluster?.namespace ?? stage.name,
        serviceAccount: identity.account,
        roleArn: role.arn,
        tags: part.tags(identity.account),
      },
      { parent: part, dependsOn: [...role.ready] },
    );
  }
  part.done();
}

const bucketStatements = ({ buckets }: Identity, keys: Keys): Statement[] => {
  const arns = buckets.map((name) => `arn:aws:s3:::${name}`);
  return [
    {
      Effect: "Allow",
      Action: ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
      Resource: arns,
    },
    {
      Effect: "Allow",
      Action: [
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
      ],
      Resource: arns.map((arn) => `${arn}/*`),
    },
    { Effect: "Allow", Action: ["kms:Decrypt", "kms:GenerateDataKey"], Resource: keys.data.arn },
  ];
};
