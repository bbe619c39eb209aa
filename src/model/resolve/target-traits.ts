import type { Environment, PlatformConfig } from "../environment.ts";
import { type ExternalModel, privateZone } from "../external.ts";

/** How targets differ before anything is deployed: the only table by target of the model. */
export interface TargetTraits {
  /** Absent: it runs on one host. */
  readonly cluster?: ClusterTraits;
  /** Whether it deploys to an account of a cloud. */
  readonly account: boolean;
  /** What it answers by itself, with servers that it makes; the configuration goes before it. */
  readonly managed?: (environment: Environment) => ExternalModel;
}

export interface ClusterTraits {
  /** Whether the configuration must say in which cluster: `aws` makes its own. */
  readonly contextNeeded: boolean;
  /** Who comes in beside pods. */
  readonly cidrs?: (config: PlatformConfig) => readonly string[];
  readonly homeStorageClass?: string;
  /** Where the ingress has a certificate of its own. */
  readonly tlsSecret?: string;
}

const traits: Readonly<Record<PlatformConfig["target"], TargetTraits>> = {
  docker: { account: false },
  kubernetes: { account: false, cluster: { contextNeeded: true } },
  aws: {
    account: true,
    // Its load balancers are in the VPC and show certificates of ACM's: no secret of this name is made, none
    // is looked for. A disk stays in one zone, people don't.
    cluster: {
      contextNeeded: false,
      cidrs: ({ aws }) => [aws.vpcCidr],
      homeStorageClass: "efs",
      tlsSecret: "certificate-manager",
    },
    managed: ({ stack, config }) => {
      const { accountId = "", region = "" } = config.aws;
      return {
        database: {
          // A name of the VPC's own zone, so that it is known before the server is.
          host: `postgres.${privateZone(stack)}`,
          port: 5432,
          tls: true,
          prefix: "",
          admin: { user: "postgres", password: null },
        },
        bucket: {
          url: `https://s3.${region}.amazonaws.com`,
          region,
          // Names of buckets are unique in the world.
          prefix: `datalab-${stack}-${accountId}-`,
          // The agent of EKS Pod Identity, on every node.
          identity: { host: "169.254.170.23", port: 80 },
          credentials: null,
          keys: {},
        },
      };
    },
  },
};

export const traitsOf = (target: PlatformConfig["target"]): TargetTraits => traits[target];
