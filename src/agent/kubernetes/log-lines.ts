import { cutMark, type Line, maxLineBytes, nanoseconds, timeStamp } from "../lines.ts";

/** Longest time stamp, with its space. */
const stampBytes = 40;
const stamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/**
 * Takes a log of Kubernetes apart: lines that begin with a time stamp, in the node's own time zone. The two
 * streams are not told apart there: all is `stdout`. What has no time stamp is the kubelet speaking, not the
 * container.
 */
export class LogLines {
  readonly #onStrange: (text: string) => void;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(onStrange: (text: string) => void) {
    this.#onStrange = onStrange;
  }

  /** The lines that this chunk completes. */
  take(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let offset = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, offset)) {
      this.#close(chunk.subarray(offset, end), lines);
      offset = end + 1;
    }
    this.#keep(chunk.subarray(offset));
    return lines;
  }

  /** A line that was never ended. */
  end(): Line[] {
    const lines: Line[] = [];
    if (this.#bytes > 0) this.#close(Buffer.alloc(0), lines);
    return lines;
  }

  /** Copies: a view would keep the whole chunk in memory. What is cut anyway is not kept. */
  #keep(piece: Buffer): void {
    const room = stampBytes + maxLineBytes + 1 - this.#bytes;
    if (room <= 0 || piece.length === 0) return;
    this.#chunks.push(Buffer.from(piece.subarray(0, room)));
    this.#bytes += Math.min(room, piece.length);
  }

  #close(piece: Buffer, lines: Line[]): void {
    let line = piece;
    if (this.#bytes > 0) {
      this.#keep(piece);
      line = Buffer.concat(this.#chunks);
      this.#chunks = [];
      this.#bytes = 0;
    }
    const space = line.indexOf(32);
    const at = line.toString("latin1", 0, space < 0 ? line.length : Math.min(space, stampBytes));
    if (!stamp.test(at)) {
      if (line.length > 0) this.#onStrange(line.toString("utf8", 0, 300));
      return;
    }
    const bytes = line.subarray(at.length + 1);
    const cut = bytes.length > maxLineBytes;
    const text = bytes.toString("utf8", 0, maxLineBytes).replace(/\r$/, "");
    lines.push({
      at: at.length === 30 && at.endsWith("Z") ? at : timeStamp(nanoseconds(at)),
      stream: "stdout",
      text: cut ? text + cutMark : text,
    });
  }
}
