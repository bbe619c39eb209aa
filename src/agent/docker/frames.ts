import { cutMark, type Line, maxLineBytes } from "../lines.ts";

interface Partial {
  at: string;
  chunks: Buffer[];
  bytes: number;
  cut: boolean;
}

/**
 * Takes Docker's log stream apart: frames of eight bytes (stream, three zeros, length) and a payload that
 * begins with a time stamp. A payload without a line end is a piece of a long line; the next frame of its
 * stream goes on with it.
 */
export class Demultiplexer {
  #rest: Buffer = Buffer.alloc(0);
  readonly #open: Record<Line["stream"], Partial | undefined> = { stdout: undefined, stderr: undefined };

  /** The lines that this chunk of the stream completes. */
  take(chunk: Buffer): Line[] {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const lines: Line[] = [];
    let offset = 0;
    while (offset + 8 <= data.length) {
      const end = offset + 8 + data.readUInt32BE(offset + 4);
      if (end > data.length) break;
      const stream = data[offset] === 2 ? "stderr" : "stdout";
      this.#frame(stream, data.subarray(offset + 8, end), lines);
      offset = end;
    }
    // A copy: a view would keep the whole chunk in memory.
    this.#rest = offset === data.length ? Buffer.alloc(0) : Buffer.from(data.subarray(offset));
    return lines;
  }

  /** Lines that were never ended. */
  end(): Line[] {
    const lines: Line[] = [];
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.#open[stream]) this.#close(stream, lines);
    }
    return lines;
  }

  #frame(stream: Line["stream"], payload: Buffer, lines: Line[]): void {
    const space = payload.indexOf(0x20);
    const at = payload.toString("latin1", 0, Math.max(0, space));
    let open = this.#open[stream];
    if (!open) {
      open = { at, chunks: [], bytes: 0, cut: false };
      this.#open[stream] = open;
    }
    const ended = payload[payload.length - 1] === 0x0a;
    const text = payload.subarray(space + 1, ended ? payload.length - 1 : payload.length);
    const room = maxLineBytes - open.bytes;
    if (text.length > room) open.cut = true;
    const kept = text.length > room ? text.subarray(0, room) : text;
    if (kept.length > 0) open.chunks.push(ended ? kept : Buffer.from(kept));
    open.bytes += kept.length;
    if (ended) this.#close(stream, lines);
  }

  #close(stream: Line["stream"], lines: Line[]): void {
    const open = this.#open[stream] as Partial;
    this.#open[stream] = undefined;
    const bytes = open.chunks.length === 1 ? (open.chunks[0] as Buffer) : Buffer.concat(open.chunks);
    const text = bytes.toString("utf8").replace(/\r$/, "");
    lines.push({ at: open.at, stream, text: open.cut ? text + cutMark : text });
  }
}

/** A time as Docker takes it for `since`. */
export function sinceParameter(ns: bigint): string {
  return `${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n).padStart(9, "0")}`;
}
