import { DatalabError } from "../../errors.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import type { Credentials } from "../services/credentials.ts";

type Bucket = NonNullable<PlatformOutput["tools"][string]["bucket"]>;

/** The secret key that opens a bucket; empty where the caller's own identity does, as AWS's SDK finds it. */
export function secretKeyOf(bucket: Bucket, credentials: Credentials): string {
  if (bucket.secret !== null) return credentials.value(bucket.secret);
  return bucket.external ? credentials.external(bucket.external) : "";
}

/** What the store calls a bucket. */
export const bucketName = (bucket: { readonly prefix?: string | undefined }, name: string): string =>
  `${bucket.prefix ?? ""}${name}`;

/** What a failed request to the object store means for people. */
export function storeError(url: string, what: "upload" | "download", error: unknown): DatalabError {
  const { name, message, code } = error as { name?: string; message?: string; code?: string };
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  // Before it stands the gateway, or an ingress, which answers in its place.
  const isAway = status !== undefined && [502, 503, 504].includes(status);
  if (isAway || (code !== undefined && status === undefined)) {
    return new DatalabError(
      "E_STORE_UNREACHABLE",
      `The object store at ${url} does not answer (${isAway ? `HTTP ${status}` : code}).`,
      {
        hint: "./datalab platform status shows its state, ./datalab up starts it.",
        cause: error,
      },
    );
  }
  if (status === 403 || status === 401) {
    return new DatalabError("E_STORE_LOGIN", "The object store refused the stack's own access key.", {
      hint: "./datalab up deploys the current secret.",
      cause: error,
    });
  }
  return new DatalabError("E_STORE", `The ${what} failed: ${message || name || "no reason given"}`, {
    cause: error,
  });
}
