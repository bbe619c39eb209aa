import { describe, expect, test } from "vitest";
import { Demultiplexer, sinceParameter } from "../../src/agent/docker/frames.ts";
import { cutMark, type Line, maxLineBytes, nanoseconds, timeStamp } from "../../src/agent/lines.ts";

const at = (n: number) => `2026-01-31T12:00:00.${String(n).padStart(9, "0")}Z`;

/** A frame as Docker sends it. */
function frame(stream: 1 | 2, n: number, text: string): Buffer {
  const payload = Buffer.from(`${at(n)} ${text}`);
  const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(payload.length, 4);
  return Buffer.concat([head, payload]);
}
const line = (stream: Line["stream"], n: number, text: string): Line => ({ at: at(n), stream, text });

describe("Docker's log stream", () => {
  test("is the same lines wherever it is cut", () => {
    const data = Buffer.concat([
      frame(1, 1, "one\n"),
      frame(2, 2, "zwei ä\r\n"),
      frame(1, 3, "\n"),
      frame(1, 4, "a b  c\n"),
    ]);
    const wanted = [
      line("stdout", 1, "one"),
      line("stderr", 2, "zwei ä"),
      line("stdout", 3, ""),
      line("stdout", 4, "a b  c"),
    ];
    for (let size = 1; size <= data.length; size++) {
      const demultiplexer = new Demultiplexer();
      const lines: Line[] = [];
      for (let i = 0; i < data.length; i += size)
        lines.push(...demultiplexer.take(data.subarray(i, i + size)));
      expect(lines).toEqual(wanted);
      expect(demultiplexer.end()).toEqual([]);
    }
  });

  test("puts the pieces of a long line together, while the other stream goes on", () => {
    const demultiplexer = new Demultiplexer();
    const lines = demultiplexer.take(
      Buffer.concat([frame(1, 1, "aaa"), frame(2, 2, "x\n"), frame(1, 1, "bbb"), frame(1, 1, "ccc\n")]),
    );
    expect(lines).toEqual([line("stderr", 2, "x"), line("stdout", 1, "aaabbbccc")]);
  });

  test("cuts a line that is too long, with a mark, and keeps one that just fits", () => {
    const demultiplexer = new Demultiplexer();
    const fits = "f".repeat(maxLineBytes);
    const [first, second, third] = demultiplexer.take(
      Buffer.concat([
        frame(1, 1, `${fits}\n`),
        frame(1, 2, fits),
        frame(1, 2, "x".repeat(100_000)),
        frame(1, 2, "\n"),
        frame(1, 3, "short\n"),
      ]),
    );
    expect([first?.text, second?.text, third?.text]).toEqual([fits, fits + cutMark, "short"]);
  });

  test("gives a line without an end when the stream ends", () => {
    const demultiplexer = new Demultiplexer();
    expect(demultiplexer.take(frame(1, 1, "no end"))).toEqual([]);
    expect(demultiplexer.end()).toEqual([line("stdout", 1, "no end")]);
  });
});

test.each([
  ["2026-01-31T12:00:00.123456789Z", 1_769_860_800_123_456_789n],
  ["2026-01-31T12:00:00.12Z", 1_769_860_800_120_000_000n],
  ["2026-01-31T12:00:00Z", 1_769_860_800_000_000_000n],
])("%s is %d nanoseconds", (text, ns) => {
  expect(nanoseconds(text)).toBe(ns);
  expect(nanoseconds(timeStamp(ns))).toBe(ns);
  expect(sinceParameter(ns)).toBe(`${ns / 10n ** 9n}.${String(ns % 10n ** 9n).padStart(9, "0")}`);
});
