import type { BucketGrant } from "../../model/needs.ts";
import type { Ref, Text } from "../../model/refs.ts";

/** What a product must bring to answer the object store: plain S3 on 9000, a page for people on 9001. */
export interface StoreEngine {
  /** Product and version, as the registry shows it. */
  readonly version: string;
  readonly env: (ctx: EngineContext) => Readonly<Record<string, Text>>;
  /** Files beside `start.sh`. */
  readonly files: (ctx: EngineContext) => Readonly<Record<string, Text>>;
  /**
   * Makes buckets and accounts while only the loopback interface listens, then serves. Runs after
   * `whoHoldsData`.
   */
  readonly start: string;
  readonly probe: readonly string[];
  /** All that it keeps in its volume: what can go when another engine has the objects. */
  readonly keeps: readonly string[];
  /** Why it can't keep an object of this name as it is; undefined: it can. */
  readonly refusesKey?: (key: string, size: number) => string | undefined;
}

export interface EngineContext {
  readonly admin: Ref;
  readonly grants: readonly BucketGrant[];
  readonly publicUrl: (endpoint: "s3" | "console") => Ref;
}

/** Buckets that every stack has, beside those that needs ask for. */
const standing = ["backups"];

export const bucketsOf = (grants: readonly BucketGrant[]): string[] =>
  [...new Set([...standing, ...grants.flatMap((g) => g.names)])].sort();

/** What a key may do in its buckets, and with the objects in them. */
export const bucketActions = ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"];
export const objectActions = [
  "s3:GetObject",
  "s3:PutObject",
  "s3:DeleteObject",
  "s3:AbortMultipartUpload",
  "s3:ListMultipartUploadParts",
];

export interface Provisioning {
  /** Command that prints all that provisioning depends on. */
  readonly inputs: string;
  /** Command that serves on 127.0.0.1:19000. */
  readonly serve: string;
  /** Path that answers when the server is ready. */
  readonly ready: string;
  /** Variable that holds the administrator's password. */
  readonly password: string;
  /** File on the volume that says for which inputs it was done last. */
  readonly mark: string;
}

/**
 * Starts the server on the loopback interface, runs /run/datalab/provision.sh against it as mc's `local`, and
 * stops it again: the real port opens after this, and whoever connects finds everything there. Skipped while
 * nothing of it has changed.
 */
export const provisionOnce = ({ inputs, serve, ready, password, mark }: Provisioning): string =>
  `wanted=$(${inputs} | sha256sum)
if [ "$(cat ${mark} 2>/dev/null)" != "$wanted" ]; then
  ${serve} &
  export MC_HOST_local="http://admin:$${password}@127.0.0.1:19000"
  tries=600
  until curl --fail --silent --output /dev/null http://127.0.0.1:19000${ready}; do
    kill -0 $! || exit 1
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "the server was not ready within 30 s" >&2; exit 1; }
    sleep 0.05
  done
  . /run/datalab/provision.sh
  kill -TERM $!
  wait $! || true
  unset MC_HOST_local
  echo "$wanted" >${mark}
fi
`;

/** Names the running container's engine, so that a change of it is seen before anything is touched. */
export const engineVariable = "DATALAB_DATA_ENGINE";
/** Set where both engines run side by side. */
export const migrationVariable = "DATALAB_MIGRATION";
/** Says on the volume that every stack has which engine holds the objects: the one truth about it. */
export const holderFile = "/data/engine";

/** Prints the engine that holds the stack's objects; nothing when there are none yet. */
export const printHolder = `if [ -e ${holderFile} ]; then cat ${holderFile}
elif [ -d /data/objects ]; then echo minio # from before there was a choice
fi
`;

/** Never shows an empty lake because somebody wrote another engine into the configuration. */
export const whoHoldsData = `holder=$(
${printHolder})
if [ -z "\${${migrationVariable}:-}" ]; then
  if [ -n "$holder" ] && [ "$holder" != "$${engineVariable}" ]; then
    echo "This stack's objects are held by $holder, the configuration says $${engineVariable}: nothing was started, nothing lost." >&2
    echo "Set services.object-store.options.engine to $holder again, run ./datalab up, then move the objects with" >&2
    echo "  ./datalab data migrate-store --to $${engineVariable}" >&2
    exit 78
  fi
  if [ ! -e ${holderFile} ]; then
    echo "$${engineVariable}" >${holderFile}.new
    mv ${holderFile}.new ${holderFile}
  fi
fi
`;
