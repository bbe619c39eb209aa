import { curl } from "../../model/curl.ts";
import type { BucketGrant } from "../../model/needs.ts";
import { json, type Template, t, template } from "../../model/refs.ts";
import { bucketActions, bucketsOf, objectActions, provisionOnce, type StoreEngine } from "./engine.ts";

/** The only file that knows MinIO. Everything else speaks plain S3. */

function policy(grant: BucketGrant): unknown {
  const arns = grant.names.map((name) => `arn:aws:s3:::${name}`);
  return {
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Action: bucketActions, Resource: arns },
      { Effect: "Allow", Action: objectActions, Resource: arns.map((arn) => `${arn}/*`) },
    ],
  };
}

/** One line per key, read by the start script: mc takes a new user's secret on standard input, never as an argument. */
function provision(grants: readonly BucketGrant[]): Template {
  return template(
    `mc mb --quiet --ignore-existing ${bucketsOf(grants)
      .map((b) => `local/${b}`)
      .join(" ")} >/dev/null\n`,
    ...grants.flatMap((grant) => {
      const name = grant.accessKey;
      return [
        t`printf '%s\\n%s\\n' '${name}' '${grant.secretKey}' | mc admin user add local >/dev/null\n`,
        `mc admin policy create local ${name} /run/datalab/policy-${name}.json >/dev/null\n`,
        `mc admin policy attach local ${name} --user ${name} >/dev/null 2>&1 || mc admin policy entities local --user ${name} | grep -q ${name}\n`,
      ];
    }),
  );
}

const start = `mkdir -p /data/objects
export MC_CONFIG_DIR=/tmp/mc MINIO_ROOT_USER=admin
${provisionOnce({
  inputs: "cat /run/datalab/provision.sh /run/datalab/policy-*.json /run/datalab/env",
  serve: "minio server /data/objects --quiet --address 127.0.0.1:19000 --console-address 127.0.0.1:19001",
  ready: "/minio/health/ready",
  password: "MINIO_ROOT_PASSWORD",
  mark: "/data/provisioned",
})}exec minio server /data/objects --quiet --address :9000 --console-address :9001
`;

export const minio: StoreEngine = {
  version: "MinIO 2026-02-12",
  env: ({ admin, publicUrl }) => ({
    MINIO_ROOT_USER: "admin",
    MINIO_ROOT_PASSWORD: template(admin),
    MINIO_BROWSER_REDIRECT_URL: template(publicUrl("console")),
    // Only the stack's own network reaches them: the gateway does not serve that path.
    MINIO_PROMETHEUS_AUTH_TYPE: "public",
    MINIO_UPDATE: "off",
    MINIO_CALLHOME_ENABLE: "off",
  }),
  files: ({ grants }) => ({
    "provision.sh": provision(grants),
    ...Object.fromEntries(grants.map((g) => [`policy-${g.accessKey}.json`, json(policy(g))])),
  }),
  start,
  keeps: ["/data/objects", "/data/provisioned"],
  probe: curl("http://127.0.0.1:9000/minio/health/ready", { discard: true }),
};

/** Paths that are for the stack's own network only. */
export const minioMetrics = "/minio/v2/metrics";
