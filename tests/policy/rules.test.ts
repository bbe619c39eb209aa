import { describe, expect, test } from "vitest";
import { rules, violationsOf } from "../../policy/rules/index.ts";
import type { Resource } from "../../policy/rules/rule.ts";
import {
  bucket,
  container,
  database,
  deployment,
  guards,
  holder,
  label,
  labels,
  of,
  policyOf,
  tags,
} from "./resources.ts";

interface Case {
  readonly keeps: readonly Resource[];
  readonly breaks: readonly (readonly [Resource | readonly Resource[], ...string[]])[];
}
const cases: Record<string, Case> = {
  "no-public-port": {
    keeps: [
      container(),
      of("kubernetes:core/v1:Service", { metadata: { labels: { "datalab.stack": "s" } }, spec: {} }),
      deployment(),
      of("aws:ec2/securityGroup:SecurityGroup", {
        tags,
        ingress: [{ fromPort: 443, toPort: 443, cidrBlocks: ["0.0.0.0/0"] }],
      }),
      of("aws:eks/cluster:Cluster", {
        tags,
        encryptionConfig: {},
        vpcConfig: { endpointPublicAccess: true, publicAccessCidrs: ["192.0.2.0/24"] },
      }),
    ],
    breaks: [
      [
        container({ ports: [{ internal: 80, external: 8080 }] }),
        'expected port 8080 on 127.0.0.1, received "0.0.0.0"',
      ],
      [
        container({ ports: [{ internal: 80, external: 1, ip: "::" }] }),
        'expected port 1 on 127.0.0.1, received "::"',
      ],
      [container({ networkMode: "host" }), "expected a network of the stack, received the host's"],
      ...["NodePort", "LoadBalancer"].map(
        (type) =>
          [
            of("kubernetes:core/v1:Service", {
              metadata: { labels: { "datalab.stack": "s" } },
              spec: { type },
            }),
            `expected a Service of type ClusterIP, received "${type}"`,
          ] as const,
      ),
      [deployment({}, { ports: [{ hostPort: 80 }] }), "expected no port of the node, received hostPort 80"],
      [
        of("aws:ec2/securityGroup:SecurityGroup", {
          tags,
          ingress: [{ fromPort: 5432, toPort: 5432, cidrBlocks: ["0.0.0.0/0"] }],
        }),
        "expected ports 5432 to 5432 closed to the internet, received an open range",
      ],
      [
        of("aws:ec2/securityGroupRule:SecurityGroupRule", {
          type: "ingress",
          fromPort: 22,
          toPort: 22,
          ipv6CidrBlocks: ["::/0"],
        }),
        "expected ports 22 to 22 closed to the internet, received an open range",
      ],
      [
        of("aws:eks/cluster:Cluster", { tags, encryptionConfig: {} }),
        "expected a restricted API server, received publicAccessCidrs that allow all addresses",
      ],
    ],
  },
  "digests-only": {
    keeps: [container(), deployment()],
    breaks: [
      [
        container({ image: "datalab/core:latest" }),
        'expected an image by id or digest, received "datalab/core:latest"',
      ],
      [deployment({}, { image: "lab/core:1" }), 'expected an image by id or digest, received "lab/core:1"'],
    ],
  },
  limits: {
    keeps: [container(), holder(), deployment()],
    breaks: [
      [container({ memory: undefined, memorySwap: undefined }), "expected a memory limit, received none"],
      [container({ memorySwap: 256 }), "expected no swap beyond the memory limit, received memorySwap 256"],
      [container({ cpuShares: 0 }), "expected a CPU share, received cpuShares 0"],
      [
        deployment({}, { resources: {} }),
        "container main: expected limits.memory, received none",
        "container main: expected requests.memory, received none",
        "container main: expected requests.cpu, received none",
      ],
    ],
  },
  probes: {
    keeps: [
      container(),
      container({ mustRun: false, healthcheck: undefined }),
      holder({ healthcheck: undefined }),
      deployment(),
    ],
    breaks: [
      [container({ healthcheck: undefined }), "expected a health check, received none"],
      [
        deployment({}, { readinessProbe: undefined }),
        "container main: expected a readinessProbe, received none",
      ],
    ],
  },
  "data-is-kept": {
    keeps: [
      of("docker:index/volume:Volume", {
        name: "datalab-dev-notes-data",
        labels: [...labels, label("role", "data")],
      }),
      of("docker:index/volume:Volume", { labels: [...labels, label("role", "files")] }),
      deployment({}, {}, "StatefulSet"),
      database(),
      bucket(),
      ...guards,
    ],
    breaks: [
      [
        of("docker:index/volume:Volume", { labels: [...labels, label("role", "data")] }),
        "expected a volume with data to have a fixed name datalab-..., received none",
      ],
      [
        (() => {
          const set = deployment({}, {}, "StatefulSet");
          const spec = {
            ...set.props.spec,
            volumeClaimTemplates: [{}],
            persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete" },
          };
          return { ...set, props: { ...set.props, spec } };
        })(),
        'expected whenDeleted: Retain of its claims, received "Delete"',
      ],
      [
        database({ deletionProtection: false, backupRetentionPeriod: 1, skipFinalSnapshot: true }),
        "expected deletionProtection, received none",
        "expected backups of at least 7 days, received 1",
        "expected a final snapshot, received skipFinalSnapshot",
      ],
      [[bucket({ forceDestroy: true }), ...guards], "expected forceDestroy: false, received true"],
    ],
  },
  restricted: {
    keeps: [
      container(),
      holder(),
      container({ volumes: [{ hostPath: "/var/run/docker.sock" }] }),
      deployment(),
    ],
    breaks: [
      [container({ user: "0:0" }), 'expected a user that is not root, received "0:0"'],
      [container({ user: undefined }), "expected a user that is not root, received none"],
      [container({ readOnly: false }), "expected a read-only root, received a writable one"],
      [
        container({ capabilities: { drops: ["ALL"], adds: ["NET_ADMIN"] } }),
        'expected no capabilities, received {"drops":["ALL"],"adds":["NET_ADMIN"]}',
      ],
      [container({ securityOpts: [] }), "expected no-new-privileges, received none"],
      [container({ privileged: true }), "expected no privileges, received privileged"],
      [container({ pidMode: "host" }), "expected namespaces of its own, received the host's"],
      [
        container({ volumes: [{ hostPath: "/etc" }] }),
        'expected no host path except /var/run/docker.sock, received "/etc"',
      ],
      [
        holder({ networkMode: "bridge" }),
        "expected a container that is never started to have no network and no capabilities, received some",
      ],
      [
        deployment(
          { hostPID: true, volumes: [{ name: "host", hostPath: { path: "/" } }], securityContext: {} },
          { securityContext: {} },
        ),
        "expected namespaces of its own, received hostPID",
        "volume host: expected no host path, received hostPath",
        "container main: expected runAsNonRoot, received none",
        "container main: expected allowPrivilegeEscalation: false, received none",
        "container main: expected capabilities.drop: [ALL], received none",
        "container main: expected a seccompProfile, received none",
        "container main: expected readOnlyRootFilesystem, received none",
      ],
    ],
  },
  encrypted: {
    keeps: [
      database(),
      of("kubernetes:storage.k8s.io/v1:StorageClass", {
        metadata: { labels: tags },
        provisioner: "ebs.csi.aws.com",
        parameters: { encrypted: "true" },
      }),
    ],
    breaks: [
      [database({ storageEncrypted: false }), "expected storageEncrypted: true, received false"],
      [of("aws:efs/fileSystem:FileSystem", { tags }), "expected encrypted: true, received none"],
      [
        of("aws:eks/cluster:Cluster", { tags, vpcConfig: { endpointPublicAccess: false } }),
        "expected an encryptionConfig for the cluster's secrets, received none",
      ],
      [
        of("kubernetes:storage.k8s.io/v1:StorageClass", {
          metadata: { labels: tags },
          provisioner: "ebs.csi.aws.com",
        }),
        'expected parameters.encrypted: "true", received none',
      ],
    ],
  },
  "no-public-access": {
    keeps: [bucket(), ...guards, database()],
    breaks: [
      [[bucket({ acl: "public-read" }), ...guards], 'expected a private bucket, received acl "public-read"'],
      [database({ publiclyAccessible: true }), "expected publiclyAccessible: false, received true"],
      [
        of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", {
          blockPublicAcls: true,
          blockPublicPolicy: true,
          ignorePublicAcls: true,
        }),
        "expected restrictPublicBuckets: true, received none",
      ],
    ],
  },
  "buckets-are-guarded": {
    keeps: [bucket(), ...guards],
    breaks: [
      [
        bucket(),
        "expected a BucketPublicAccessBlock for the bucket, received none",
        "expected a BucketServerSideEncryptionConfiguration for the bucket, received none",
        "expected a BucketVersioning for the bucket, received none",
      ],
      [[bucket(), ...guards.slice(0, 2)], "expected a BucketVersioning for the bucket, received none"],
    ],
  },
  labels: {
    keeps: [
      container(),
      of("docker:index/network:Network", { labels: [label("stack", "dev")] }),
      deployment(),
      bucket(),
      ...guards,
    ],
    breaks: [
      [container({ labels: [label("stack", "dev")] }), "expected the label datalab.service, received none"],
      [of("docker:index/network:Network", {}), "expected the label datalab.stack, received none"],
      [
        of("kubernetes:core/v1:ConfigMap", { metadata: { name: "x" } }),
        "expected the label datalab.stack, received none",
      ],
      [of("aws:ec2/vpc:Vpc", { tags: { Name: "x" } }), "expected the tag datalab.stack, received none"],
    ],
  },
  "no-wildcard-access": {
    keeps: [
      policyOf(
        { Effect: "Allow", Action: ["s3:GetObject"], Resource: "*" },
        { Effect: "Deny", Action: "*", Resource: "*" },
      ),
      policyOf({ Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::lake/*" }),
      of("kubernetes:rbac.authorization.k8s.io/v1:Role", {
        metadata: { labels: tags },
        rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
      }),
    ],
    breaks: [
      [policyOf({ Effect: "Allow", Action: "*", Resource: "*" }), 'expected named actions, received "*"'],
      [
        policyOf({ Effect: "Allow", Action: ["ec2:*"], Resource: ["*"] }),
        'expected named actions or resources, received ["ec2:*"] on "*"',
      ],
      [
        of("aws:iam/rolePolicyAttachment:RolePolicyAttachment", {
          policyArn: "arn:aws:iam::aws:policy/AdministratorAccess",
        }),
        "expected a policy of its own, received AdministratorAccess",
      ],
      [
        of("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", {
          metadata: { labels: tags },
          rules: [{ apiGroups: ["*"], resources: ["pods"], verbs: ["*"] }],
        }),
        'rule 1: expected named verbs, received "*"',
        'rule 1: expected named apiGroups, received "*"',
      ],
    ],
  },
};

describe.each(rules.map((rule) => [rule.name, rule] as const))("%s", (name, rule) => {
  const { keeps, breaks } = cases[name] as Case;

  test("takes what keeps it", () => {
    expect(violationsOf(keeps, [rule])).toEqual([]);
    // What keeps one rule keeps the others too: a case is not good for something else.
    expect(violationsOf(keeps)).toEqual([]);
  });

  test.each(breaks.map(([given, ...messages]) => [messages[0], given, messages] as const))(
    "%s",
    (_name, given, messages) => {
      expect(violationsOf([given].flat() as Resource[], [rule]).map(({ message }) => message)).toEqual(
        messages,
      );
    },
  );

  test("says what it is for", () => {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(rule.summary).toMatch(/^[A-Z].*\.$/);
  });
});
