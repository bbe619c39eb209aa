import { describe, expect, test } from "vitest";
import { type LogWish, lineFilter, logsQl, understand } from "../../../src/ops/services/log-query.ts";

const now = Date.parse("2026-01-31T12:00:00Z");
const wish = (more: Partial<LogWish> = {}): LogWish => ({ names: [], follow: false, ...more });
const iso = (since: string) => new Date(understand(wish({ since }), now).since as number).toISOString();

describe("what is typed", () => {
  test.each([
    ["15m", "2026-01-31T11:45:00.000Z"],
    ["1h30m", "2026-01-31T10:30:00.000Z"],
    ["1w", "2026-01-24T12:00:00.000Z"],
    ["2026-01-01", "2026-01-01T00:00:00.000Z"],
    ["2026-01-31T10:00:00+02:00", "2026-01-31T08:00:00.000Z"],
  ])("--since %s is %s", (text, at) => expect(iso(text)).toBe(at));

  test.each<[Partial<LogWish>, string]>([
    [
      { since: "soon" },
      '--since: expected a duration such as 15m, 2h or 7d, or a time such as 2026-01-31T12:00:00Z, received "soon"',
    ],
    [{ since: "10" }, "--since: expected a duration"],
    [{ since: "2026-13-45" }, "--since: expected a duration"],
    [{ grep: "a(b" }, '--grep: expected a regular expression, received "a(b"'],
    [{ level: "eror" }, '--level: expected one of debug, info, warning, error, critical, received "eror"'],
  ])("%j is refused with the reason", (more, message) => {
    expect(() => understand(wish(more), now)).toThrow(
      expect.objectContaining({ code: "E_USAGE", exitCode: 2 }),
    );
    expect(() => understand(wish(more), now)).toThrow(message);
  });

  test("is a text in the store's language, never syntax", () => {
    const query = understand(
      wish({ names: ["prefect", 'a"} or *'], since: "1h", grep: '"x" | delete', level: "error" }),
      now,
    );
    expect(logsQl(query)).toBe(
      '({service in ("prefect","a\\"} or *")} or {workload in ("prefect","a\\"} or *")}) {stream!="check"} ' +
        '_time:>=2026-01-31T11:00:00.000Z level:in(error,critical) _msg:~"\\"x\\" | delete"',
    );
    expect(logsQl(understand(wish(), now))).toBe('* {stream!="check"}');
  });
});

test("without the store lines are chosen here, with the level of their stack trace", () => {
  const accept = lineFilter(understand(wish({ level: "error" }), now));
  const line = (text: string, workload = "w") => accept({ workload, stream: "stderr", line: text });
  expect([
    line("INFO: fine"),
    line("ERROR: bad"),
    line("  at x"),
    line("  at y", "v"),
    line("INFO: ok"),
  ]).toEqual([undefined, "error", "error", undefined, undefined]);
  const grep = lineFilter(understand(wish({ grep: "(?i)BAD" }), now));
  expect(grep({ workload: "w", stream: "stdout", line: "a bad one" })).toBe("info");
  expect(grep({ workload: "w", stream: "stdout", line: "a good one" })).toBeUndefined();
});
