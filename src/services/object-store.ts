import { type BucketGrant, bucket, secret } from "../model/needs.ts";
import { json, type Ref, type Template, t, template } from "../model/refs.ts";
import { defineService } from "../model/service.ts";

/** The only file that knows MinIO. Everything else speaks plain S3. */

/** Buckets that every stack has, beside those that needs ask for. */
const standing = ["backups"];

function policy(grant: BucketGrant): unknown {
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
        Resource: grant.names.map((name) => `arn:aws:s3:::${name}`),
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
        Resource: grant.names.map((name) => `arn:aws:s3:::${name}/*`),
      },
    ],
  };
}

/** One line per key, read by the start script: mc takes a new user's secret on standard input, never as an argument. */
function provision(grants: readonly BucketGrant[]): Template {
  const buckets = [...new Set([...standing, ...grants.flatMap((g) => g.names)])].sort();
  return template(
    `mc mb --quiet --ignore-existing ${buckets.map((b) => `local/${b}`).join(" ")} >/dev/null\n`,
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

/**
 * Starts the server on the loopback interface first, makes buckets, users and policies, and only then opens the port:
 * whoever connects finds everything there. Skipped while nothing of it has changed.
 */
const start = `set -eu
mkdir -p /data/objects
export MC_CONFIG_DIR=/tmp/mc MINIO_ROOT_USER=admin
wanted=$(cat /run/datalab/provision.sh /run/datalab/policy-*.json /run/datalab/env | sha256sum)
if [ "$(cat /data/provisioned 2>/dev/null)" != "$wanted" ]; then
  minio server /data/objects --quiet --address 127.0.0.1:19000 --console-address 127.0.0.1:19001 &
  export MC_HOST_local="http://admin:$MINIO_ROOT_PASSWORD@127.0.0.1:19000"
  tries=300
  until curl --fail --silent --output /dev/null http://127.0.0.1:19000/minio/health/ready; do
    kill -0 $! || exit 1
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "the server was not ready within 30 s" >&2; exit 1; }
    sleep 0.1
  done
  . /run/datalab/provision.sh
  kill -TERM $!
  wait $! || true
  unset MC_HOST_local
  echo "$wanted" >/data/provisioned
fi
exec minio server /data/objects --quiet --address :9000 --console-address :9001
`;

/** S3 as core's check uses it. */
async function writeAndRead(needs: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<void> {
  const grant = needs.bucket as {
    url: string;
    region: string;
    accessKey: string;
    secretKey: string;
    names: string[];
  };
  const { S3Client, PutObjectCommand, GetObjectCommand, DeleteObjectCommand } = await import(
    "@aws-sdk/client-s3"
  );
  const client = new S3Client({
    endpoint: grant.url,
    region: grant.region,
    credentials: { accessKeyId: grant.accessKey, secretAccessKey: grant.secretKey },
    forcePathStyle: true,
    maxAttempts: 1,
  });
  const at = { Bucket: grant.names[0] as string, Key: "roundtrip" };
  const body = `written ${new Date().toISOString()}`;
  try {
    await client.send(new PutObjectCommand({ ...at, Body: body }), { abortSignal: signal });
    const read = await client.send(new GetObjectCommand(at), { abortSignal: signal });
    if ((await read.Body?.transformToString()) !== body)
      throw new Error("the object read back is not the one written");
    await client.send(new DeleteObjectCommand(at), { abortSignal: signal });
  } finally {
    client.destroy();
  }
}

export const objectStore = defineService({
  name: "object-store",
  summary: "S3 object storage: the lake's buckets, artifacts and backups.",
  version: "MinIO 2026-02-12",
  needs: { admin: secret({ user: "admin", opens: "the console" }) },
  provides: { bucket: { part: "main", endpoint: "s3" } },
  parts: {
    main: {
      image: "services",
      command: () => ["bash", "/run/datalab/start.sh"],
      env: ({ needs, publicUrl }) => ({
        MINIO_ROOT_USER: "admin",
        MINIO_ROOT_PASSWORD: template(needs.admin as Ref),
        MINIO_BROWSER_REDIRECT_URL: template(publicUrl("main", "console")),
        MINIO_UPDATE: "off",
        MINIO_CALLHOME_ENABLE: "off",
        HOME: "/tmp",
      }),
      files: ({ grants }) => ({
        "start.sh": start,
        "provision.sh": provision(grants.bucket),
        ...Object.fromEntries(grants.bucket.map((g) => [`policy-${g.accessKey}.json`, json(policy(g))])),
      }),
      endpoints: {
        s3: { port: 9000, protocol: "http", summary: "the S3 API", published: 9000 },
        console: {
          port: 9001,
          protocol: "http",
          summary: "the console",
          published: 9001,
          browser: true,
          login: "admin",
        },
      },
      probe: {
        command: [
          "curl",
          "--fail",
          "--silent",
          "--max-time",
          "2",
          "http://127.0.0.1:9000/minio/health/ready",
        ],
        within: "30s",
      },
      volumes: { data: { path: "/data", size: "20Gi" } },
      resources: { cpu: "250m", memory: "1Gi" },
      stopGrace: "15s",
    },
  },
  checks: {
    "write-read": {
      summary: "An object is written, read back and deleted.",
      needs: { bucket: bucket("health") },
      run: async ({ needs, signal }) => {
        await writeAndRead(needs, signal);
        return undefined;
      },
    },
  },
  backup: "its buckets are mirrored by the backup of the lake",
});
