import { expect, test } from "vitest";
import { fieldsOf } from "../../src/agent/fields.ts";
import { type Level, levelOf } from "../../src/agent/level.ts";

test.each<[string, Level]>([
  ["2026-11-23 06:40:02.123 UTC [12] LOG:  database system is ready", "info"],
  ["2026-11-23 06:40:02.123 UTC [12] ERROR:  relation does not exist", "error"],
  ["2026-11-23 06:40:02.123 UTC [12] FATAL:  password authentication failed", "critical"],
  ['{"level":"warn","msg":"slow"}', "warning"],
  ['{"severity":"critical","event":"alert"}', "critical"],
  ['{"msg":"x","level":50}', "error"],
  ["2026-11-23T06:33:01.394Z\twarn\tVictoriaMetrics/lib/x.go:12\tslow", "warning"],
  ["[I 2026-11-23 06:40:02.123 JupyterHub app:3000] Running", "info"],
  ["[W 2026-11-23 06:40:02.123 JupyterHub auth:1] Failed login", "warning"],
  ["E1123 06:40:02.123456       1 main.go:10] it broke", "error"],
  ["06:40:02.123 | WARNING | prefect.server - it is late", "warning"],
  ["26/11/23 06:40:02 WARN Utils: Your hostname", "warning"],
  ["ts=2026-11-23T06:40:02Z caller=main.go:1 level=error msg=bad", "error"],
  ["INFO:     127.0.0.1:1 - GET / 200", "info"],
  ["it has no errors and says no level", "info"],
  ["The word ERRORS is none", "info"],
  ["", "info"],
])("the level of %j is %s", (line, level) => {
  expect(levelOf(line, undefined)).toBe(level);
});

test("a stack trace weighs as much as the line that it belongs to", () => {
  const lines: [string, Level][] = [
    ["06:40:02 | WARNING | could not load", "warning"],
    ["Traceback (most recent call last):", "warning"],
    ['  File "x.py", line 1, in <module>', "warning"],
    ["ValueError: no", "warning"],
    ["INFO: next", "info"],
    ["Traceback (most recent call last):", "error"],
    ["    raise KeyError()", "error"],
    ["KeyError: 'a'", "error"],
    ["ERROR: relation", "error"],
    ["2026 UTC [1] STATEMENT:  select 1", "error"],
    ["Plain words", "info"],
  ];
  let before: Level | undefined;
  for (const [line, level] of lines) {
    before = levelOf(line, before);
    expect([line, before]).toEqual([line, level]);
  }
});

test("fields of a JSON line are found by name, and can't claim to come from somewhere else", () => {
  const text =
    '{"event":"alert","n":1,"ok":true,"service":"x","_msg":"y","labels":{"a":1},"we ird":1,"none":null}';
  expect(fieldsOf(text)).toEqual({ event: "alert", n: "1", ok: "true", "log.service": "x", "log._msg": "y" });
  for (const other of ["{no json}", "[1]", "text {}", '{"a":1', `{"a":"${"x".repeat(20_000)}"}`]) {
    expect(fieldsOf(other)).toBeUndefined();
  }
  expect(fieldsOf(`{"a":"${"x".repeat(2_000)}"}`)?.a).toHaveLength(1024);
});
