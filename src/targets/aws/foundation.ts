import type * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import type { Values } from "../values.ts";
import { createClusterAddons, createNodeAddons } from "./addons.ts";
import { createAlarms } from "./alarms.ts";
import { createBuckets } from "./buckets.ts";
import { createBudget, createNotices } from "./budget.ts";
import { type Cluster, createCluster } from "./cluster.ts";
import { createDatabase } from "./database.ts";
import { createFiles, type Files } from "./files.ts";
import { createIdentities } from "./identity.ts";
import { createKeys, type Keys } from "./keys.ts";
import { createLogs } from "./logs.ts";
import { createNetwork, type Network } from "./network.ts";
import { createNodes, type Nodes } from "./nodes.ts";
import { createRegistry } from "./registry.ts";
import { createSecrets } from "./secrets.ts";
import type { Stage } from "./stage.ts";

/** What stands before anything runs in the cluster. */
export interface Foundation {
  readonly keys: Keys;
  readonly network: Network;
  readonly cluster: Cluster;
  readonly nodes: Nodes;
  readonly files: Files;
  /** What workloads wait for, and what goes after them. */
  readonly ready: readonly pulumi.Resource[];
}

/** The first phase: everything that is in the account and not in the cluster. */
export function createFoundation(stage: Stage, master: pulumi.Output<string>, values: Values): Foundation {
  const keys = createKeys(stage);
  const network = createNetwork(stage);
  const logs = createLogs(stage, keys, network);
  createRegistry(stage, keys);
  createBuckets(stage, keys);
  createSecrets(stage, keys, master, values);
  const cluster = createCluster(stage, keys, network, logs);
  const nodeAddons = createNodeAddons(stage, cluster);
  const nodes = createNodes(stage, keys, network, cluster, nodeAddons);
  const addons = createClusterAddons(stage, keys, cluster, nodes);
  createIdentities(stage, keys, cluster);
  const files = createFiles(stage, keys, network, cluster);
  const database = ownsDatabase(stage)
    ? createDatabase(stage, keys, network, logs, cluster, adminPassword(values))
    : undefined;
  const topic: aws.sns.Topic = createNotices(stage, keys);
  createBudget(stage, topic);
  createAlarms(stage, topic, network, nodes, database?.instance);
  return {
    keys,
    network,
    cluster,
    nodes,
    files,
    ready: [
      ...nodeAddons,
      ...Object.values(nodes.groups),
      ...addons,
      ...files.ready,
      ...(database?.ready ?? []),
    ],
  };
}

/** Whether the database is ours to make: the configuration may name one that exists. */
const ownsDatabase = ({ model }: Stage): boolean => model.external.database?.admin?.password === null;

const adminPassword = (values: Values): pulumi.Output<string> =>
  values.text({ ref: "secret", id: "postgres/admin" }) as pulumi.Output<string>;
