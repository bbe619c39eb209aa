import { argon2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { DatalabError } from "../errors.ts";

/**
 * Memory in KiB, passes and threads: what OWASP asks for at least; the gateway takes up to 64 MiB and 10
 * passes.
 */
const cost = { memory: 19_456, passes: 2, parallelism: 1 };
const shortest = 12;
const longest = 1024;

/** The argon2id hash of a password, in the form that the gateway's list of users takes. */
export async function hashPassword(password: string): Promise<string> {
  if (password.length < shortest || Buffer.byteLength(password) > longest) {
    throw new DatalabError(
      "E_PASSWORD",
      `expected a password of ${shortest} characters to ${longest} bytes, received ${password.length} characters`,
      { hint: "Write it to standard input: ./datalab secrets hash-password < FILE" },
    );
  }
  const nonce = randomBytes(16);
  const sum = await promisify(argon2)("argon2id", { ...cost, message: password, nonce, tagLength: 32 });
  const text = (bytes: Buffer) => bytes.toString("base64").replaceAll("=", "");
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${text(nonce)}$${text(sum)}`;
}
