import { hkdfSync } from "node:crypto";
import type { SecretModel } from "./platform.ts";

/** Bytes of entropy in a derived secret. */
const bytes = 30;

/**
 * Derives one secret of a stack from its master secret: HKDF-SHA256 (RFC 5869) with the label
 * `<stack>/<service>/<name>/<version>`. Returns 40 characters of the base64url alphabet, 240 bits, so that it
 * can stand in a URL, a shell word and an S3 secret key as it is.
 */
export function deriveSecret(
  master: string,
  stack: string,
  secret: Pick<SecretModel, "id" | "version">,
): string {
  if (master.length < 32) throw new Error("The master secret must have at least 32 characters.");
  const label = `${stack}/${secret.id}/${secret.version}`;
  return Buffer.from(hkdfSync("sha256", master, "datalab", label, bytes)).toString("base64url");
}

/** Tells one master secret from another, and nothing of either: 64 bits that nothing else is derived from. */
export const masterFingerprint = (master: string): string =>
  Buffer.from(hkdfSync("sha256", master, "datalab", "master secret", 8)).toString("hex");
