import { beforeAll, describe, expect, test } from "vitest";
import { access } from "./expected/access.ts";
import { alarms } from "./expected/alarms.ts";
import { balancers } from "./expected/balancers.ts";
import { bucket } from "./expected/buckets.ts";
import { cluster } from "./expected/cluster.ts";
import { data } from "./expected/data.ts";
import { karpenter } from "./expected/karpenter.ts";
import { keys } from "./expected/keys.ts";
import { logs } from "./expected/logs.ts";
import { network } from "./expected/network.ts";
import {
  deploy,
  type Expected,
  inputsOf,
  isAws,
  kindOf,
  namesOf,
  type Recorded,
  resourceOf,
  smallModel,
  unfolded,
} from "./fixture.ts";

const buckets = ["artifacts", "backups", "bronze", "gold", "health", "silver"];
const expected: Expected = Object.assign(
  {},
  ...[access, alarms, balancers, cluster, data, karpenter, keys, logs, network],
  ...buckets.map(bucket),
);

describe("size S with everything", () => {
  let recorded: Recorded;
  beforeAll(async () => {
    recorded = await deploy(smallModel({ aws: "karpenter: true" }));
  }, 60_000);

  test.each(Object.keys(expected))("%s is exactly this", (id) => {
    const [kind = "", name = ""] = id.split(" ");
    expect(unfolded(inputsOf(recorded, kind, name))).toEqual(expected[id]);
  });

  test("there is no resource in the account that is not asserted", () => {
    const all = recorded.resources.filter(isAws).map((r) => `${kindOf(r)} ${r.name}`);
    expect(all.sort()).toEqual(Object.keys(expected).sort());
    expect(all).toHaveLength(200);
  });

  test("the provider takes one account only, and tags everything", () => {
    expect(recorded.get("pulumi:providers:aws", "aws").inputs).toMatchObject({
      region: "eu-central-1",
      allowedAccountIds: '["123456789012"]',
      defaultTags: '{"tags":{"datalab.stack":"prod","datalab.target":"aws"}}',
    });
    const others = recorded.resources.filter((r) => isAws(r) && r.options.provider !== "aws");
    expect(others.map((r) => r.name)).toEqual([]);
  });

  test("what holds data, and what opens it, is protected", () => {
    const shielded = recorded.resources.filter((r) => r.options.protect).map((r) => `${kindOf(r)} ${r.name}`);
    expect(shielded.sort()).toEqual([
      ...buckets.map((name) => `Bucket buckets-${name}`),
      "Cluster cluster",
      "FileSystem files",
      "Instance database",
      ...["cluster", "data", "database", "operations"].map((name) => `Key keys-${name}`),
      "Secret secrets-logins",
      "Secret secrets-master",
    ]);
  });

  test("components carry the target's name, and parents are components", () => {
    const components = recorded.resources.filter((r) => r.type.startsWith("datalab:aws:"));
    expect(components.map((r) => `${r.type} ${r.name}`)).toEqual(
      expect.arrayContaining([
        "datalab:aws:Platform prod",
        "datalab:aws:Network network",
        "datalab:aws:Keys keys",
      ]),
    );
    const names = new Set(components.map((r) => r.name));
    const strays = recorded.resources.filter((r) => isAws(r) && !names.has(r.options.parent));
    expect(strays.map((r) => r.name)).toEqual([]);
  });
});

describe("what the size changes", () => {
  const figures = async (size: "M" | "L") => {
    const recorded = await deploy(smallModel({ size }));
    const group = (name: string) => {
      const { instanceTypes, scalingConfig } = inputsOf(recorded, "NodeGroup", `nodes-${name}`);
      return { instanceTypes, scalingConfig };
    };
    const instance = inputsOf(recorded, "Instance", "database");
    const lifecycle = inputsOf(recorded, "BucketLifecycleConfiguration", "buckets-gold") as {
      rules: { noncurrentVersionExpiration: unknown }[];
    };
    return {
      groups: [group("system"), group("work")],
      database: [
        ...[
          instance.instanceClass,
          instance.allocatedStorage,
          instance.maxAllocatedStorage,
          instance.multiAz,
        ],
        ...[instance.backupRetentionPeriod, instance.performanceInsightsRetentionPeriod],
      ],
      nats: namesOf(recorded, "NatGateway"),
      logDays: inputsOf(recorded, "LogGroup", "logs-cluster").retentionInDays,
      versionDays: lifecycle.rules[0]?.noncurrentVersionExpiration,
      budget: inputsOf(recorded, "Budget", "budget").limitAmount,
    };
  };
  const nats = ["network-nat-a", "network-nat-b", "network-nat-c"];

  test("M", async () => {
    expect(await figures("M")).toEqual({
      groups: [
        { instanceTypes: ["m7i.xlarge"], scalingConfig: { minSize: 3, desiredSize: 3, maxSize: 6 } },
        { instanceTypes: ["m7i.2xlarge"], scalingConfig: { minSize: 1, desiredSize: 2, maxSize: 10 } },
      ],
      database: ["db.m7g.large", 100, 500, true, 14, 7],
      nats,
      logDays: 90,
      versionDays: { noncurrentDays: 30 },
      budget: "3001",
    });
  }, 60_000);

  test("L", async () => {
    expect(await figures("L")).toEqual({
      groups: [
        { instanceTypes: ["m7i.2xlarge"], scalingConfig: { minSize: 3, desiredSize: 3, maxSize: 9 } },
        { instanceTypes: ["m7i.4xlarge"], scalingConfig: { minSize: 2, desiredSize: 4, maxSize: 30 } },
      ],
      database: ["db.m7g.2xlarge", 400, 2000, true, 35, 31],
      nats,
      logDays: 365,
      versionDays: { noncurrentDays: 90 },
      budget: "9966",
    });
  }, 60_000);
});

describe("what the configuration changes", () => {
  test("who reaches the cluster's API from outside, and who administers it", async () => {
    const role = "arn:aws:iam::123456789012:role/admins";
    const recorded = await deploy(
      smallModel({ aws: `apiCidrs: [203.0.113.0/24], accessRoles: ["${role}"]` }),
    );
    expect(inputsOf(recorded, "Cluster", "cluster").vpcConfig).toEqual({
      subnetIds: ["network-private-a-id", "network-private-b-id", "network-private-c-id"],
      endpointPrivateAccess: true,
      endpointPublicAccess: true,
      publicAccessCidrs: ["203.0.113.0/24"],
    });
    expect(inputsOf(recorded, "AccessPolicyAssociation", "cluster-admin-1")).toEqual({
      clusterName: "datalab-prod",
      principalArn: role,
      policyArn: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
      accessScope: { type: "cluster" },
    });
    expect(inputsOf(recorded, "AccessEntry", "cluster-admin-1")).toMatchObject({
      principalArn: role,
      type: "STANDARD",
    });
  }, 60_000);

  test("a database and buckets that exist are not made", async () => {
    const more = `
    external:
      bucket: { url: 'https://s3.eu-central-1.amazonaws.com', region: eu-central-1, credentials: { accessKey: AKIA, secret: s3 } }
      database: { host: db.example.com, admin: { secret: db } }`;
    const beside = "  datalab:secret-s3: x\n  datalab:secret-db: x\n";
    const recorded = await deploy(smallModel({ more, beside }));
    const kinds = new Set(recorded.resources.filter(isAws).map(kindOf));
    const unwanted = [
      "Bucket",
      "BucketPolicy",
      "Instance",
      "Zone",
      "Record",
      "ParameterGroup",
      "SubnetGroup",
    ];
    expect(unwanted.filter((kind) => kinds.has(kind))).toEqual([]);
    // A key opens the buckets: no workload has a role.
    expect(namesOf(recorded, "Role").filter((name) => name.startsWith("identities"))).toEqual([]);
    expect(namesOf(recorded, "MetricAlarm")).toEqual([
      "alarms-nat-a",
      "alarms-nodes-system",
      "alarms-nodes-work",
    ]);
  }, 60_000);

  test("without protection, what holds data stays when it is no longer declared", async () => {
    const recorded = await deploy(smallModel({ aws: "deletionProtection: false" }));
    for (const [kind, name] of [
      ["Bucket", "buckets-gold"],
      ["Instance", "database"],
      ["FileSystem", "files"],
    ] as const) {
      expect(resourceOf(recorded, kind, name).options).toMatchObject({
        protect: false,
        retainOnDelete: true,
      });
    }
    expect(inputsOf(recorded, "Instance", "database").deletionProtection).toBe(false);
    expect(inputsOf(recorded, "Cluster", "cluster").deletionProtection).toBe(false);
  }, 60_000);

  test("people are told of the budget and of alarms", async () => {
    const recorded = await deploy(
      smallModel({ aws: "budget: { monthlyUsd: 900, emails: [a@example.com] }" }),
    );
    expect(inputsOf(recorded, "TopicSubscription", "notices-email-1")).toEqual({
      topic: "arn:Topic/notices",
      protocol: "email",
      endpoint: "a@example.com",
    });
    expect(inputsOf(recorded, "Budget", "budget").limitAmount).toBe("900");
  }, 60_000);
});
