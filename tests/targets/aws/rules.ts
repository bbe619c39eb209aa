import type { Registered } from "../../support/mocks.ts";
import { isAws, kindOf, unfolded } from "./fixture.ts";

/**
 * What linters of cloud programs look for, as functions on planned resources. Each says what is wrong, or
 * nothing.
 */
export interface Rule {
  readonly name: string;
  readonly check: (resource: Registered, all: readonly Registered[]) => string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;
interface Statement {
  readonly Effect: string;
  readonly Principal?: unknown;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: unknown;
}

const fields = (resource: Registered): Fields => unfolded(resource.inputs) as Fields;
const list = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T];

/** Statements of a resource's policies. */
export function statementsOf(resource: Registered): Statement[] {
  return Object.values(fields(resource)).flatMap((value) => {
    const found = (value as { json?: { Statement?: Statement[] } } | null)?.json?.Statement;
    return found ?? [];
  });
}

const only =
  (
    kind: string,
    check: (f: Fields, resource: Registered, all: readonly Registered[]) => string | undefined,
  ): Rule["check"] =>
  (resource, all) =>
    isAws(resource) && kindOf(resource) === kind ? check(fields(resource), resource, all) : undefined;

/** Every bucket has one of these, with the same logical name. */
const companions = [
  "BucketPublicAccessBlock",
  "BucketVersioning",
  "BucketServerSideEncryptionConfiguration",
  "BucketLifecycleConfiguration",
  "BucketOwnershipControls",
  "BucketPolicy",
];

/** Kinds that can't be tagged. */
const untagged =
  /^(Alias|Bucket\w+|Route|RouteTableAssociation|RolePolicy(Attachment)?|LifecyclePolicy|SecretVersion|AccessPolicyAssociation|BackupPolicy|FileSystemPolicy|MountTarget|Record|TopicPolicy|TopicSubscription|QueuePolicy|EventTarget)$/;

export const rules: readonly Rule[] = [
  {
    name: "everything that can be is tagged with its stack",
    check: (r) =>
      isAws(r) &&
      !untagged.test(kindOf(r)) &&
      (fields(r).tags as Fields | undefined)?.["datalab.stack"] !== "prod"
        ? "has no tag datalab.stack"
        : undefined,
  },
  {
    name: "nobody comes in from everywhere",
    check: (r) =>
      isAws(r) &&
      /^(SecurityGroup|SecurityGroupIngressRule|DefaultSecurityGroup)$/.test(kindOf(r)) &&
      /0\.0\.0\.0\/0|::\/0/.test(JSON.stringify(fields(r)))
        ? "is open to the internet"
        : undefined,
  },
  {
    name: "the default security group is closed",
    check: only("DefaultSecurityGroup", ({ ingress, egress }) =>
      list(ingress).length + list(egress).length > 0 ? "lets something through" : undefined,
    ),
  },
  {
    name: "subnets give no public addresses",
    check: only("Subnet", ({ mapPublicIpOnLaunch }) =>
      mapPublicIpOnLaunch === false ? undefined : "gives public addresses",
    ),
  },
  {
    name: "connections in the VPC are recorded",
    check: only("Vpc", (_f, _r, all) =>
      all.some((r) => kindOf(r) === "FlowLog" && fields(r).trafficType === "ALL")
        ? undefined
        : "has no flow log",
    ),
  },
  {
    name: "buckets are private, versioned, encrypted and cleaned up",
    check: only("Bucket", (_f, resource, all) => {
      const missing = companions.filter(
        (kind) => !all.some((r) => kindOf(r) === kind && r.name === resource.name),
      );
      return missing.length > 0 ? `lacks ${missing.join(", ")}` : undefined;
    }),
  },
  {
    name: "buckets are not emptied by a destroy",
    check: only("Bucket", ({ forceDestroy }) => (forceDestroy === false ? undefined : "would be emptied")),
  },
  {
    name: "buckets are encrypted with a key of ours",
    check: only("BucketServerSideEncryptionConfiguration", (f) =>
      /"sseAlgorithm":"aws:kms"/.test(JSON.stringify(f)) && /kmsMasterKeyId/.test(JSON.stringify(f))
        ? undefined
        : "uses no key of ours",
    ),
  },
  {
    name: "keys are turned over and are not lost at once",
    check: only("Key", ({ enableKeyRotation, deletionWindowInDays }) =>
      enableKeyRotation === true && Number(deletionWindowInDays) >= 30 ? undefined : "is not turned over",
    ),
  },
  {
    name: "databases are private, encrypted, backed up and protected",
    check: only("Instance", (f) => {
      const wrong = [
        f.publiclyAccessible !== false && "public",
        f.storageEncrypted !== true && "not encrypted",
        f.kmsKeyId === undefined && "without a key of ours",
        Number(f.backupRetentionPeriod ?? 0) < 7 && "without backups",
        f.deletionProtection !== true && "unprotected",
        f.skipFinalSnapshot !== false && "gone without a snapshot",
        f.performanceInsightsEnabled !== true && "without insights",
        typeof f.password === "string" && "with a password in clear",
      ].filter(Boolean);
      return wrong.length > 0 ? `is ${wrong.join(", ")}` : undefined;
    }),
  },
  {
    name: "databases speak TLS only",
    check: only("ParameterGroup", ({ parameters }) =>
      list(parameters as Fields[]).some((p) => p.name === "rds.force_ssl" && p.value === "1")
        ? undefined
        : "takes plain text",
    ),
  },
  {
    name: "clusters are private, encrypted and logged",
    check: only("Cluster", (f) => {
      const vpc = f.vpcConfig as Fields;
      const wrong = [
        (f.accessConfig as Fields).authenticationMode !== "API" && "not of access mode API",
        f.encryptionConfig === undefined && "without encrypted secrets",
        list(f.enabledClusterLogTypes as string[]).length < 5 && "without all logs",
        vpc.endpointPrivateAccess !== true && "without a private endpoint",
        vpc.endpointPublicAccess === true &&
          (list(vpc.publicAccessCidrs as string[]).length === 0 ||
            list(vpc.publicAccessCidrs as string[]).includes("0.0.0.0/0")) &&
          "open to everybody",
      ].filter(Boolean);
      return wrong.length > 0 ? `is ${wrong.join(", ")}` : undefined;
    }),
  },
  {
    name: "nodes keep their identity to themselves, on encrypted disks",
    check: only("LaunchTemplate", (f) => {
      const metadata = f.metadataOptions as Fields | undefined;
      const disks = list(f.blockDeviceMappings as { ebs?: Fields }[]);
      if (metadata?.httpTokens !== "required" || metadata?.httpPutResponseHopLimit !== 1)
        return "gives pods its identity";
      return disks.length > 0 &&
        disks.every(({ ebs }) => ebs?.encrypted === "true" && ebs?.volumeType === "gp3")
        ? undefined
        : "has a disk that is not encrypted gp3";
    }),
  },
  {
    name: "logs are encrypted and of limited age",
    check: only("LogGroup", ({ kmsKeyId, retentionInDays }) =>
      kmsKeyId !== undefined && Number(retentionInDays) > 0 ? undefined : "is kept in clear or for ever",
    ),
  },
  {
    name: "images are scanned, encrypted and never replaced",
    check: only("Repository", (f) =>
      f.imageTagMutability === "IMMUTABLE" &&
      (f.imageScanningConfiguration as Fields)?.scanOnPush === true &&
      f.encryptionConfigurations
        ? undefined
        : "takes images unseen",
    ),
  },
  {
    name: "shared files are encrypted",
    check: only("FileSystem", ({ encrypted, kmsKeyId }) =>
      encrypted === true && kmsKeyId ? undefined : "is in clear",
    ),
  },
  {
    name: "topics, queues and secrets are encrypted",
    check: (r) => {
      if (!isAws(r)) return undefined;
      const f = fields(r);
      if (kindOf(r) === "Topic" && !f.kmsMasterKeyId) return "is in clear";
      if (kindOf(r) === "Queue" && f.sqsManagedSseEnabled !== true) return "is in clear";
      return kindOf(r) === "Secret" && !f.kmsKeyId ? "uses no key of ours" : undefined;
    },
  },
  {
    name: "no policy allows every action of a service on everything",
    check: (r) => {
      // In the policy of a key, * is that key; an endpoint's policy only narrows what others allow.
      if (!isAws(r) || /^(Key|VpcEndpoint)$/.test(kindOf(r))) return undefined;
      const bad = statementsOf(r).find(
        (s) =>
          s.Effect === "Allow" &&
          (list(s.Action).some((a) => a.endsWith("*")) ||
            (list(s.Resource).includes("*") && !list(s.Action).every(readsOnly))),
      );
      return bad ? `allows ${JSON.stringify(bad.Action)} on ${JSON.stringify(bad.Resource)}` : undefined;
    },
  },
  {
    name: "nobody is trusted without a condition",
    check: (r) => {
      if (!isAws(r)) return undefined;
      const open = statementsOf(r).find(
        (s) =>
          s.Effect === "Allow" &&
          /^(\*|\{"AWS":"\*"\})$/.test(JSON.stringify(s.Principal ?? "").replace(/^"|"$/g, "")) &&
          !s.Condition,
      );
      // An endpoint lets through what the caller may do by rights of its own.
      return open && kindOf(r) !== "VpcEndpoint" ? "trusts everybody" : undefined;
    },
  },
];

const readsOnly = (action: string): boolean => /^\w+:(Describe|List|Get)\w*$/.test(action);

/** `Kind name: what is wrong (rule)` for every rule that a resource breaks. */
export const violations = (resources: readonly Registered[]): string[] =>
  resources.flatMap((resource) =>
    rules.flatMap(({ name, check }) => {
      const wrong = check(resource, resources);
      return wrong ? [`${kindOf(resource)} ${resource.name}: ${wrong} (${name})`] : [];
    }),
  );
