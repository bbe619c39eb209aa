import type { Resource } from "../../policy/rules/rule.ts";

/** Resources that keep every rule, and what makes them break one. */

export const label = (name: string, value: string) => ({ label: `datalab.${name}`, value });
export const labels = [label("service", "notes"), label("stack", "dev")];
export const sha = `sha256:${"a".repeat(64)}`;

/** A container that keeps every rule. */
export const container = (more: object = {}): Resource => ({
  type: "docker:index/container:Container",
  name: "notes",
  props: {
    image: sha,
    labels,
    memory: 128,
    memorySwap: 128,
    cpuShares: 256,
    mustRun: true,
    healthcheck: { tests: ["CMD", "true"] },
    ports: [{ internal: 80, external: 8080, ip: "127.0.0.1" }],
    user: "10001:10001",
    readOnly: true,
    capabilities: { drops: ["ALL"] },
    securityOpts: ["no-new-privileges:true"],
    networkMode: "bridge",
    ...more,
  },
});
export const holder = (more: object = {}): Resource =>
  container({
    start: false,
    mustRun: false,
    networkMode: "none",
    user: "root",
    memory: undefined,
    ports: [],
    ...more,
  });

/** A workload of a cluster that keeps every rule. */
export const deployment = (pod: object = {}, main: object = {}, kind = "Deployment"): Resource => ({
  type: `kubernetes:apps/v1:${kind}`,
  name: "notes",
  props: {
    metadata: { labels: { "datalab.stack": "dev" } },
    spec: {
      template: {
        spec: {
          securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
          containers: [
            {
              name: "main",
              image: `registry.example.com/lab/core@${sha}`,
              resources: { limits: { memory: "1Gi" }, requests: { memory: "1Gi", cpu: "250m" } },
              readinessProbe: { exec: { command: ["true"] } },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
              },
              ...main,
            },
          ],
          ...pod,
        },
      },
    },
  },
});
export const of = (type: string, props: object, name = "x"): Resource => ({
  type,
  name,
  props: { ...props },
});
export const tags = { "datalab.stack": "prod" };
export const bucket = (more: object = {}) =>
  of("aws:s3/bucket:Bucket", { tags, bucket: "lake", ...more }, "lake");
export const guards = [
  of(
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    { blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true },
    "lake-access",
  ),
  of(
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    {},
    "lake-encryption",
  ),
  of("aws:s3/bucketVersioning:BucketVersioning", {}, "lake-versions"),
];
export const database = (more: object = {}) =>
  of("aws:rds/instance:Instance", {
    tags,
    deletionProtection: true,
    backupRetentionPeriod: 7,
    storageEncrypted: true,
    ...more,
  });
export const policyOf = (...Statement: object[]) =>
  of("aws:iam/policy:Policy", { policy: JSON.stringify({ Statement }) });
