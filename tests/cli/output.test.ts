import { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { statusText } from "../../src/cli/commands/platform.ts";
import { ago, duration, printable, printableLines, table } from "../../src/cli/terminal/output.ts";
import { createReporter } from "../../src/cli/terminal/progress.ts";

test("a table has no lines, and numbers stand to the right", async () => {
  const text = await table(
    ["table", "rows", "note"],
    [
      ["bronze.flights", 336776, null],
      ["gold.m", 7, "new"],
    ],
  );
  expect(stripVTControlCharacters(text).split("\n")).toEqual([
    "table             rows  note",
    "bronze.flights  336776",
    "gold.m               7  new",
  ]);
});

test("data can't send escape sequences to the terminal", async () => {
  expect(printable("a\u001b]0;title\u0007b\nc\td")).toBe("a\\x1b]0;title\\x07b⏎c d");
  expect(await table(["x"], [["\u001b[2J"]])).not.toContain("\u001b[2J");
});

test("a log keeps its lines, tabs and colours, and nothing else that a terminal obeys", () => {
  const text = "at\n\tline \u001b[31mred\u001b[0m \u001b]0;title\u0007 \u001b[2J\r";
  expect(printableLines(text)).toBe("at\n\tline \u001b[31mred\u001b[0m \\x1b]0;title\\x07 \\x1b[2J\\r");
});

test("times are told in the largest unit that fits", () => {
  expect([5, 90, 7300, 300_000].map(duration)).toEqual(["5 s", "2 min", "2 h", "3 days"]);
  const now = Date.parse("2026-01-01T00:01:00Z");
  expect(ago("2026-01-01T00:00:00Z", now)).toBe("1 min ago");
  expect(ago("2026-01-01T00:01:30Z", now)).toBe("in 30 s");
});

test("the status says what is wrong below the table", async () => {
  const text = await statusText({
    stack: "dev",
    target: "docker",
    services: [
      { name: "postgres", state: "healthy", checks: [{ name: "query", ok: true, ms: 3 }] },
      {
        name: "prefect",
        state: "degraded",
        url: "http://127.0.0.1:4200/",
        checks: [
          { name: "api", ok: true, ms: 9 },
          { name: "flow-run", ok: false, ms: 60000, message: "timed out after 60 s" },
        ],
      },
    ],
  });
  expect(stripVTControlCharacters(text).split("\n")).toEqual([
    "stack dev on docker",
    "service   state     checks  url",
    "postgres  healthy   1/1",
    "prefect   degraded  1/2     http://127.0.0.1:4200/",
    "✖ prefect flow-run: timed out after 60 s",
  ]);
});

/** A stream that keeps what is written to it. */
function sink(columns = 40): NodeJS.WriteStream & { text: string } {
  const stream = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        stream.text += chunk;
        done();
      },
    }),
    { text: "", columns },
  );
  return stream as unknown as NodeJS.WriteStream & { text: string };
}

test("without a terminal progress is plain lines, each said once", () => {
  const stream = sink();
  const reporter = createReporter({ stream, live: false });
  const step = reporter.step("images");
  step.update("building base");
  step.update("building base");
  step.done("5 images");
  reporter.step("engine").fail("exit 255");
  const lines = stream.text.replaceAll(/\[ +\d+\.\ds\]/g, "[T]").split("\n");
  expect(lines).toEqual([
    "[T] images",
    "[T] images: building base",
    "[T] images: 5 images",
    "[T] engine",
    "[T] engine: failed: exit 255",
    "",
  ]);
});

test("on a terminal finished steps stay, and live lines never wrap", () => {
  const stream = sink(30);
  const reporter = createReporter({ stream, live: true });
  const a = reporter.step("first");
  const b = reporter.step("second");
  a.update("x".repeat(200));
  reporter.log("a line above");
  a.done("fine");
  b.fail("broken");
  reporter.close();
  const lines = stripVTControlCharacters(stream.text).split(/[\r\n]+/);
  expect(lines.filter((line) => line.length > 30)).toEqual([]);
  expect(stream.text).toContain("a line above\n");
  expect(stripVTControlCharacters(stream.text)).toMatch(
    /✔ first {2}fine {2}0\.\d s\n[\s\S]*✖ second {2}broken {2}0\.\d s\n/,
  );
});

test("a quiet reporter says nothing", () => {
  const stream = sink();
  const reporter = createReporter({ stream, quiet: true });
  reporter.step("x").done();
  reporter.log("y");
  expect(stream.text).toBe("");
});
