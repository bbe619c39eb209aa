import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  type DecipherGCM,
  hkdfSync,
  randomBytes,
} from "node:crypto";
import { createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";

/**
 * What is kept in a backup is compressed (zstd) and encrypted (AES-256-GCM, a fresh key each), and a blob is
 * named by an HMAC-SHA256 of its content, so that the same content is kept once and its name tells nothing.
 *
 * Layout: `DLB2`, 12 bytes of nonce, the file's own key (32) sealed with 16 bytes of tag, the cipher text, 16
 * bytes of tag. The file's key is sealed by the key of its kind, with kind and path as associated data: a
 * file that stands in another place, or for another thing, is refused before anything of it is read. The name
 * of a blob is known only when all of it is written, so the head is written last.
 *
 * `DLB1` is what was written before: one key for everything, and no associated data. It is read, and no
 * longer written; see Archive for what is believed of it.
 */
export type Kind = "blob" | "record" | "verified";

/** What a sealed file is, and where it stands. */
export interface Place {
  readonly kind: Kind;
  readonly path: string;
}

export interface SealKey {
  readonly kinds: Readonly<Record<Kind, Buffer>>;
  readonly names: Buffer;
  /** Of the first layout. */
  readonly first: Buffer;
}

const magic = Buffer.from("DLB2");
const firstMagic = Buffer.from("DLB1");
const nonceBytes = 12;
const keyBytes = 32;
const tagBytes = 16;
const firstHeadBytes = magic.length + nonceBytes;
const headBytes = firstHeadBytes + keyBytes + tagBytes;
const cipherName = "aes-256-gcm";

/** It is not what was sealed, whatever was read of it: reading it again does not help. */
export class NotAsSealed extends Error {
  override readonly name = "NotAsSealed";
}

/**
 * The keys of a stack's backups, derived from its master secret: whoever has the stack's file and its
 * passphrase can read them.
 */
export function sealKey(master: string, stack: string): SealKey {
  const derive = (what: string) =>
    Buffer.from(hkdfSync("sha256", master, "datalab", `${stack}/backup/${what}`, keyBytes));
  const records = derive("records/2");
  return {
    kinds: { blob: derive("blobs/2"), record: records, verified: records },
    // As before: what is kept already has these names.
    names: derive("names/1"),
    first: derive("content/1"),
  };
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
export function meter(key: SealKey) {
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

const bound = ({ kind, path }: Place): Buffer => Buffer.from(JSON.stringify(["DLB2", kind, path]));

/** Writes a stream, sealed, to a file of this machine; its content tells where it will stand. */
export async function seal(
  key: SealKey,
  source: Readable,
  file: string,
  placeOf: (sealed: Sealed) => Place,
): Promise<Sealed> {
  const content = meter(key);
  const [nonce, own] = [randomBytes(nonceBytes), randomBytes(keyBytes)];
  const cipher = createCipheriv(cipherName, own, nonce);
  const measured = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      content.take(chunk);
      done(null, chunk);
    },
  });
  const tagged = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, chunk);
    },
    flush(done) {
      this.push(cipher.getAuthTag());
      done();
    },
  });
  const zstd = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  const output = createWriteStream(file, { mode: 0o600, start: headBytes });
  await pipeline(source, measured, zstd, cipher, tagged, output);
  const sealed = content.end();
  const place = placeOf(sealed);
  const lock = createCipheriv(cipherName, key.kinds[place.kind], nonce).setAAD(bound(place));
  const locked = Buffer.concat([lock.update(own), lock.final(), lock.getAuthTag()]);
  const written = await open(file, "r+");
  try {
    await written.write(Buffer.concat([magic, nonce, locked]), 0, headBytes, 0);
  } finally {
    await written.close();
  }
  return sealed;
}

/** Whether it has the first layout, by its first bytes. */
export const isFirstLayout = (head: Buffer): boolean => head.subarray(0, magic.length).equals(firstMagic);

/**
 * The content of what was sealed for this place. The stream ends with an error when a single bit of it is not
 * as it was.
 */
export function unseal(key: SealKey, place: Place, stored: Readable): Readable {
  return Readable.from(decompress(decipher(key, place, stored)), { objectMode: false });
}

const changed = () => new NotAsSealed("it was changed, or encrypted with another key");

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

/** The cipher of what begins so; undefined: more of it is needed. */
function openedBy(
  key: SealKey,
  place: Place,
  held: Buffer,
): { readonly cipher: DecipherGCM; readonly head: number } | undefined {
  if (held.length < firstHeadBytes) return undefined;
  const nonce = held.subarray(magic.length, firstHeadBytes);
  if (isFirstLayout(held))
    return { cipher: createDecipheriv(cipherName, key.first, nonce), head: firstHeadBytes };
  if (!held.subarray(0, magic.length).equals(magic)) throw new NotAsSealed("DataLab did not write it");
  if (held.length < headBytes) return undefined;
  const lock = createDecipheriv(cipherName, key.kinds[place.kind], nonce);
  lock.setAAD(bound(place)).setAuthTag(held.subarray(firstHeadBytes + keyBytes, headBytes));
  let own: Buffer;
  try {
    own = Buffer.concat([
      lock.update(held.subarray(firstHeadBytes, firstHeadBytes + keyBytes)),
      lock.final(),
    ]);
  } catch {
    throw new NotAsSealed(
      `it was changed, encrypted with another key, or written for another place than ${place.path}`,
    );
  }
  return { cipher: createDecipheriv(cipherName, own, nonce), head: headBytes };
}

async function* decipher(key: SealKey, place: Place, stored: Readable): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  let cipher: DecipherGCM | undefined;
  for await (const chunk of stored as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, chunk]);
    if (!cipher) {
      const opened = openedBy(key, place, held);
      if (!opened) continue;
      cipher = opened.cipher;
      held = held.subarray(opened.head);
    }
    if (held.length <= tagBytes) continue;
    yield cipher.update(held.subarray(0, -tagBytes));
    held = held.subarray(-tagBytes);
  }
  if (!cipher || held.length < tagBytes) throw new NotAsSealed("it is truncated");
  cipher.setAuthTag(held);
  let last: Buffer;
  try {
    last = cipher.final();
  } catch {
    throw changed();
  }
  yield last;
}
