import { curl } from "../../model/curl.ts";
import type { BucketGrant } from "../../model/needs.ts";
import { json, template } from "../../model/refs.ts";
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

/**
 * Read by the start script; users, policies and who has which go in one request, for a client a step costs
 * seconds.
 */
function provision(grants: readonly BucketGrant[]): string {
  const buckets = bucketsOf(grants).map((b) => `local/${b}`);
  return `mc mb --quiet --ignore-existing ${buckets.join(" ")} >/dev/null
${storedZip}stored_zip /run/datalab/policies.json /run/datalab/users.json /run/datalab/user_mappings.json >/tmp/iam.zip
said=$(printf 'user = "admin:%s"\n' "$MINIO_ROOT_PASSWORD" | curl --config - --silent --show-error --fail-with-body \
  --aws-sigv4 aws:amz:us-east-1:s3 --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
  --upload-file /tmp/iam.zip http://127.0.0.1:19000/minio/admin/v3/import-iam-v2)
rm /tmp/iam.zip
case $said in
  *'"failed":{}'*) ;;
  *) echo "users and policies were refused: $said" >&2; exit 1 ;;
esac
`;
}

/**
 * What MinIO imports users from: a zip archive, here without compression. gzip knows the sums that it must
 * hold.
 */
const storedZip = `bytes() { # COUNT NUMBER: little-endian
  local text='' i
  for ((i = 0; i < $1; i++)); do printf -v text '%s\\\\x%02x' "$text" $(($2 >> 8 * i & 255)); done
  printf '%b' "$text"
}
stored_zip() { # FILE...
  local at=0 count=0 file name size sum list=/tmp/iam.list
  : >$list
  for file; do
    name=iam-assets/\${file##*/} size=$(stat -L -c %s "$file")
    sum=$((16#$(gzip -c "$file" | tail -c 8 | head -c 4 | od -An -tx4 --endian=little | tr -d ' ')))
    entry() {
      bytes 2 20; bytes 4 0; bytes 4 0; bytes 4 $sum; bytes 4 $size; bytes 4 $size; bytes 2 \${#name}; bytes 2 0
    }
    printf 'PK\\3\\4'; entry; printf %s "$name"; cat "$file"
    { printf 'PK\\1\\2'; bytes 2 20; entry; bytes 4 0; bytes 2 0; bytes 4 0; bytes 4 $at; printf %s "$name"; } >>$list
    at=$((at + 30 + \${#name} + size)) count=$((count + 1))
  done
  cat $list
  printf 'PK\\5\\6'; bytes 4 0; bytes 2 $count; bytes 2 $count; bytes 4 $(stat -c %s $list); bytes 4 $at; bytes 2 0
  rm $list
}
`;

const start = `mkdir -p /data/objects
export MC_CONFIG_DIR=/tmp/mc MINIO_ROOT_USER=admin
${provisionOnce({
  inputs: "cat /run/datalab/provision.sh /run/datalab/{policies,users,user_mappings}.json /run/datalab/env",
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
    "policies.json": json(Object.fromEntries(grants.map((g) => [g.accessKey, policy(g)]))),
    "users.json": json(
      Object.fromEntries(grants.map((g) => [g.accessKey, { secretKey: g.secretKey, status: "enabled" }])),
    ),
    "user_mappings.json": json(
      Object.fromEntries(grants.map((g) => [g.accessKey, { version: 1, policy: g.accessKey }])),
    ),
  }),
  start,
  keeps: ["/data/objects", "/data/provisioned"],
  probe: curl("http://127.0.0.1:9000/minio/health/ready", { discard: true }),
};

/** Paths that are for the stack's own network only. */
export const minioMetrics = "/minio/v2/metrics";
