import { beforeAll, describe, expect, test } from "vitest";
import type { Registered } from "../../support/mocks.ts";
import { deploy, kindOf, prodModel, type Recorded } from "./fixture.ts";
import { rules, violations } from "./rules.ts";

let recorded: Recorded;
beforeAll(async () => {
  recorded = await deploy(prodModel({ size: "M", aws: "karpenter: true, apiCidrs: [203.0.113.0/24]" }));
}, 60_000);

test("the complete prod program breaks no rule", () => {
  expect(recorded.resources.length).toBeGreaterThan(300);
  expect(violations(recorded.resources)).toEqual([]);
});

/** A change that breaks a rule, by its name. */
const broken: Readonly<Record<string, readonly [kind: string, name: string, change: object | null]>> = {
  "everything that can be is tagged with its stack": ["Vpc", "network", { tags: {} }],
  "nobody comes in from everywhere": ["SecurityGroupIngressRule", "database", { cidrIpv4: "0.0.0.0/0" }],
  "the default security group is closed": [
    "DefaultSecurityGroup",
    "network-default",
    { ingress: [{ self: true }] },
  ],
  "subnets give no public addresses": ["Subnet", "network-public-a", { mapPublicIpOnLaunch: true }],
  "connections in the VPC are recorded": ["FlowLog", "logs-flows", null],
  "buckets are private, versioned, encrypted and cleaned up": ["BucketVersioning", "buckets-gold", null],
  "buckets are not emptied by a destroy": ["Bucket", "buckets-gold", { forceDestroy: true }],
  "buckets are encrypted with a key of ours": [
    "BucketServerSideEncryptionConfiguration",
    "buckets-gold",
    { rules: [] },
  ],
  "keys are turned over and are not lost at once": ["Key", "keys-data", { enableKeyRotation: false }],
  "databases are private, encrypted, backed up and protected": [
    "Instance",
    "database",
    { publiclyAccessible: true },
  ],
  "databases speak TLS only": ["ParameterGroup", "database", { parameters: [] }],
  "clusters are private, encrypted and logged": ["Cluster", "cluster", { enabledClusterLogTypes: ["api"] }],
  "nodes keep their identity to themselves, on encrypted disks": [
    "LaunchTemplate",
    "nodes-work",
    { metadataOptions: { httpTokens: "optional" } },
  ],
  "logs are encrypted and of limited age": ["LogGroup", "logs-flows", { retentionInDays: 0 }],
  "images are scanned, encrypted and never replaced": [
    "Repository",
    "registry-core",
    { imageTagMutability: "MUTABLE" },
  ],
  "shared files are encrypted": ["FileSystem", "files", { encrypted: false }],
  "topics, queues and secrets are encrypted": ["Topic", "notices", { kmsMasterKeyId: "" }],
  "no policy allows every action of a service on everything": [
    "RolePolicy",
    "identities-core",
    {
      policy: JSON.stringify({
        Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::x" }],
      }),
    },
  ],
  "nobody is trusted without a condition": [
    "TopicPolicy",
    "notices",
    {
      policy: JSON.stringify({
        Statement: [{ Effect: "Allow", Principal: "*", Action: "sns:Publish", Resource: "x" }],
      }),
    },
  ],
};

describe("each rule is broken by something", () => {
  test("and none is without a case", () =>
    expect(rules.map(({ name }) => name)).toEqual(Object.keys(broken)));

  test.each(Object.entries(broken))("%s", (rule, [kind, name, change]) => {
    const isIt = (r: Registered) => kindOf(r) === kind && r.name === name && r.custom;
    expect(recorded.resources.filter(isIt)).toHaveLength(1);
    const changed = recorded.resources.flatMap((r) =>
      !isIt(r) ? [r] : change === null ? [] : [{ ...r, inputs: { ...r.inputs, ...change } }],
    );
    expect(violations(changed).filter((text) => text.endsWith(`(${rule})`))).not.toEqual([]);
  });
});
