import { curl } from "../../model/curl.ts";
import type { BucketGrant } from "../../model/needs.ts";
import { json, type Template, template } from "../../model/refs.ts";
import { bucketActions, bucketsOf, objectActions, provisionOnce, type StoreEngine } from "./engine.ts";

/**
 * The only file that knows VersityGW: buckets are folders, objects files, their metadata extended attributes.
 */

/** Its volume; each engine has its own. */
export const versitygwVolume = "/versitygw";
/** Not the name of a bucket: it would stand before the bucket's own answers. */
const health = "/_health";

/**
 * The file in which it keeps accounts, written before it starts: no secret passes through an argument or a
 * request.
 */
function accounts(grants: readonly BucketGrant[]): Template {
  const account = ({ accessKey, secretKey }: BucketGrant) => ({
    access: accessKey,
    secret: secretKey,
    role: "user",
    userID: 0,
    groupID: 0,
    projectID: 0,
  });
  return json({ accessAccounts: Object.fromEntries(grants.map((g) => [g.accessKey, account(g)])) });
}

/** Buckets belong to the administrator; what a key may do in one is in the bucket's policy. */
function policy(bucket: string, grants: readonly BucketGrant[]): string {
  const AWS = grants.map((g) => g.accessKey).sort();
  const arn = `arn:aws:s3:::${bucket}`;
  const allow = (Action: readonly string[], Resource: string) => ({
    Effect: "Allow",
    Principal: { AWS },
    Action,
    Resource,
  });
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [allow(bucketActions, arn), allow(objectActions, `${arn}/*`)],
  });
}

/** Read by the start script. Signed by curl, whose secret comes on its standard input. */
function provision(grants: readonly BucketGrant[]): string {
  const buckets = bucketsOf(grants);
  return [
    `mc mb --quiet --ignore-existing ${buckets.map((b) => `local/${b}`).join(" ")} >/dev/null`,
    `bucket_policy() { # BUCKET METHOD [CURL-OPTION...]
  local bucket=$1 method=$2; shift 2
  printf 'user = "admin:%s"\n' "$ROOT_SECRET_KEY" | curl --config - --silent --show-error --fail --output /dev/null \
    --aws-sigv4 aws:amz:us-east-1:s3 --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --request "$method" "$@" "http://127.0.0.1:19000/$bucket?policy="
}
put_policy() { # BUCKET
  bucket_policy "$1" PUT --data-binary "@/run/datalab/policy-$1.json" --header 'content-type: application/json'
}`,
    ...buckets.map((b) =>
      grants.some((g) => g.names.includes(b)) ? `put_policy ${b}` : `bucket_policy ${b} DELETE`,
    ),
    "",
  ].join("\n");
}

/** Accounts are written every time. */
const start = `umask 077
mkdir -p ${versitygwVolume}/objects ${versitygwVolume}/accounts
cp /run/datalab/accounts.json ${versitygwVolume}/accounts/users.json.new
chmod 0600 ${versitygwVolume}/accounts/users.json.new
mv ${versitygwVolume}/accounts/users.json.new ${versitygwVolume}/accounts/users.json
export MC_CONFIG_DIR=/tmp/mc
serve() { exec versitygw --quiet --region us-east-1 --health ${health} --iam-dir ${versitygwVolume}/accounts "$@" posix ${versitygwVolume}/objects; }
${provisionOnce({
  inputs: "cat /run/datalab/provision.sh /run/datalab/policy-*.json",
  serve: "(serve --port 127.0.0.1:19000)",
  ready: health,
  password: "ROOT_SECRET_KEY",
  mark: `${versitygwVolume}/provisioned`,
})}serve --port :9000 --webui :9001
`;

export const versitygw: StoreEngine = {
  version: "VersityGW 1.8.0",
  env: ({ admin, publicUrl }) => ({
    ROOT_ACCESS_KEY: "admin",
    ROOT_SECRET_KEY: template(admin),
    // Its page calls the S3 port from the browser.
    VGW_WEBUI_GATEWAYS: template(publicUrl("s3")),
    VGW_WEBUI_ADMIN_GATEWAYS: template(publicUrl("s3")),
    VGW_CORS_ALLOW_ORIGIN: template(publicUrl("console")),
  }),
  files: ({ grants }) => ({
    "accounts.json": accounts(grants),
    "provision.sh": provision(grants),
    ...Object.fromEntries(
      bucketsOf(grants).flatMap((bucket) => {
        const its = grants.filter((g) => g.names.includes(bucket));
        return its.length === 0 ? [] : [[`policy-${bucket}.json`, policy(bucket, its)]];
      }),
    ),
  }),
  start,
  keeps: [`${versitygwVolume}/objects`, `${versitygwVolume}/accounts`, `${versitygwVolume}/provisioned`],
  refusesKey(key, size) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    if (/[\u0000-\u001f\u007f]/.test(key)) return "control characters in a name don't come back in a listing";
    if (key.endsWith("/") && size > 0) return "a name that ends with / is a folder, which holds no content";
    if (/^\.sgwtmp(\/|$)/.test(key)) return "names that begin with .sgwtmp/ are its own";
    return undefined;
  },
  probe: curl(`http://127.0.0.1:9000${health}`, { discard: true }),
};
