import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";

/**
 * What is kept in a backup is compressed (zstd) and encrypted (AES-256-GCM, a fresh nonce each), and named by
 * an HMAC-SHA256 of its content, so that the same content is kept once and its name tells nothing. Layout:
 * `DLB1`, 12 bytes of nonce, the cipher text, 16 bytes of tag.
 */
export interface SealKey {
  readonly content: Buffer;
  readonly names: Buffer;
}

const magic = Buffer.from("DLB1");
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = magic.length + nonceBytes;

/**
 * The key of a stack's backups, derived from its master secret: whoever has the stack's file and its
 * passphrase can read them.
 */
export function sealKey(master: string, stack: string): SealKey {
  const derive = (what: string) =>
    Buffer.from(hkdfSync("sha256", master, "datalab", `${stack}/backup/${what}/1`, 32));
  return { content: derive("content"), names: derive("names") };
}

export interface Sealed {
  /** Name by content: 64 hex digits. */
  readonly id: string;
  /** Of the content itself. */
  readonly bytes: number;
  /** SHA-256 of the content. */
  readonly sha256: string;
}

/** Takes content piece by piece, and says what it was. */
function meter(key: SealKey) {
  const id = createHmac("sha256", key.names);
  const hash = createHash("sha256");
  let bytes = 0;
  return {
    take(chunk: Buffer): void {
      id.update(chunk);
      hash.update(chunk);
      bytes += chunk.length;
    },
    end: (): Sealed => ({ id: id.digest("hex"), bytes, sha256: hash.digest("hex") }),
  };
}

/** Writes a stream, sealed, to a file. */
export async function seal(key: SealKey, source: Readable, file: string): Promise<Sealed> {
  const content = meter(key);
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key.content, nonce);
  const measured = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      content.take(chunk);
      done(null, chunk);
    },
  });
  let begun = false;
  const framed = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (!begun) this.push(Buffer.concat([magic, nonce]));
      begun = true;
      done(null, chunk);
    },
    flush(done) {
      this.push(cipher.getAuthTag());
      done();
    },
  });
  const zstd = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  await pipeline(source, measured, zstd, cipher, framed, createWriteStream(file, { mode: 0o600 }));
  return content.end();
}

/** The content of what was sealed. The stream ends with an error when a single bit of it is not as it was. */
export function unseal(key: SealKey, stored: Readable): Readable {
  return Readable.from(decompress(decipher(key, stored)), { objectMode: false });
}

const changed = () => new Error("it was changed, or encrypted with another key");

async function* decompress(sealed: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const content = createZstdDecompress();
  pipeline(Readable.from(sealed), content).catch(() => {});
  try {
    yield* content as AsyncIterable<Buffer>;
  } catch (error) {
    // What is deciphered to nonsense can't be decompressed either.
    throw (error as { code?: string }).code?.startsWith("ZSTD_") ? changed() : error;
  }
}

async function* decipher({ content }: SealKey, stored: Readable): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  let opened: ReturnType<typeof createDecipheriv> | undefined;
  for await (const chunk of stored as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, chunk]);
    if (!opened) {
      if (held.length < headBytes) continue;
      if (!held.subarray(0, magic.length).equals(magic)) throw new Error("DataLab did not write it");
      opened = createDecipheriv("aes-256-gcm", content, held.subarray(magic.length, headBytes));
      held = held.subarray(headBytes);
    }
    if (held.length <= tagBytes) continue;
    yield opened.update(held.subarray(0, -tagBytes));
    held = held.subarray(-tagBytes);
  }
  if (!opened || held.length < tagBytes) throw new Error("it is truncated");
  (opened as ReturnType<typeof createDecipheriv> & { setAuthTag(tag: Buffer): void }).setAuthTag(held);
  let last: Buffer;
  try {
    last = opened.final();
  } catch {
    throw changed();
  }
  yield last;
}

/** Name, size and SHA-256 of a stream's content. */
export async function measure(key: SealKey, source: Readable): Promise<Sealed> {
  const content = meter(key);
  for await (const chunk of source as AsyncIterable<Buffer>) content.take(chunk);
  return content.end();
}
