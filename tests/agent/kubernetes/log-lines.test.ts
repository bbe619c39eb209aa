import { describe, expect, test } from "vitest";
import { LogLines } from "../../../src/agent/kubernetes/log-lines.ts";
import { cutMark, type Line, maxLineBytes } from "../../../src/agent/lines.ts";

const at = "2026-01-31T12:00:00.123456789Z";
const line = (text: string, when = at): Line => ({ at: when, stream: "stdout", text });
const read = (data: Buffer, size = data.length) => {
  const strange: string[] = [];
  const log = new LogLines((text) => strange.push(text));
  const lines: Line[] = [];
  for (let i = 0; i < data.length; i += size) lines.push(...log.take(data.subarray(i, i + size)));
  return { lines, rest: log.end(), strange };
};

describe("a log of Kubernetes", () => {
  test("is the same lines wherever it is cut", () => {
    const data = Buffer.from(`${at} one\n${at} zwei ä\r\n${at} \n${at} a b  c\n`);
    for (let size = 1; size <= data.length; size++) {
      expect(read(data, size)).toEqual({
        lines: [line("one"), line("zwei ä"), line(""), line("a b  c")],
        rest: [],
        strange: [],
      });
    }
  });

  test("has its times in UTC with nine digits, whatever zone the node is in", () => {
    const data = Buffer.from(
      "2026-01-31T14:00:00.123456789+02:00 a\n2026-01-31T11:30:00.5-00:30 b\n2026-01-31T12:00:00Z c\n",
    );
    expect(read(data).lines).toEqual([
      line("a"),
      line("b", "2026-01-31T12:00:00.500000000Z"),
      line("c", "2026-01-31T12:00:00.000000000Z"),
    ]);
  });

  test("cuts lines of more than 64 KiB, in one chunk or in many", () => {
    const whole = "w".repeat(maxLineBytes);
    const data = Buffer.from(`${at} ${whole}\n${at} ${whole}xyz\n${at} end\n`);
    for (const size of [data.length, 1_000, 65_567]) {
      expect(read(data, size).lines).toEqual([line(whole), line(whole + cutMark), line("end")]);
    }
  });

  test("keeps a last line without an end apart", () => {
    expect(read(Buffer.from(`${at} one\n${at} tw`))).toEqual({
      lines: [line("one")],
      rest: [line("tw")],
      strange: [],
    });
  });

  test("tells what the kubelet says instead of a line", () => {
    const said = "unable to retrieve container logs for containerd://abc";
    expect(read(Buffer.from(`${said}\n${at} one\n`))).toEqual({
      lines: [line("one")],
      rest: [],
      strange: [said],
    });
  });
});
