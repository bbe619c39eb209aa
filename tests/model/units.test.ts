import fc from "fast-check";
import { expect, test } from "vitest";
import { formatBytes, parseCpu, parseDuration, parseSize } from "../../src/model/units.ts";

test.each([
  ["1Ki", 1024],
  ["512Mi", 536_870_912],
  ["20Gi", 21_474_836_480],
  ["1Ti", 1_099_511_627_776],
])("%s are %d bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each([
  ["30s", 30],
  ["5m", 300],
  ["12h", 43_200],
  ["7d", 604_800],
])("%s are %d seconds", (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each([
  ["250m", 250],
  ["2", 2000],
  ["0.25", 250],
  ["1.5", 1500],
  ["0.001", 1],
])("%s cores are %d thousandths", (text, thousandths) => {
  expect(parseCpu(text)).toBe(thousandths);
});

test.each(["", "20", "20GB", "0Gi", "-1Gi", "1.5Gi", " 1Gi", "1Gi ", "01Gi", "1gi"])(
  "%j is no size",
  (text) => {
    expect(() => parseSize(text)).toThrow(
      new RangeError(`expected a size such as "20Gi", received ${JSON.stringify(text)}`),
    );
  },
);

test.each(["", "30", "0s", "1w", "1.5h", "1h30m", "s"])("%j is no duration", (text) => {
  expect(() => parseDuration(text)).toThrow(
    new RangeError(`expected a duration such as "30s", received ${JSON.stringify(text)}`),
  );
});

test.each(["", "0", "0m", "0.0", "-1", "1e3", "1.2345", "m", "0.5m", "two"])("%j are no cores", (text) => {
  expect(() => parseCpu(text)).toThrow(
    new RangeError(`expected cores such as "250m" or "2", received ${JSON.stringify(text)}`),
  );
});

test("any whole number with a unit is that many units", () => {
  const units = fc.constantFrom(["Ki", 2 ** 10] as const, ["Mi", 2 ** 20] as const, ["Gi", 2 ** 30] as const);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), units, (count, [unit, bytes]) => {
      expect(parseSize(`${count}${unit}`)).toBe(count * bytes);
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), (count) => {
      expect(parseCpu(`${count}m`)).toBe(count);
      expect(parseDuration(`${count}m`)).toBe(count * 60);
    }),
  );
});

test("thousandths of a core survive the way through text", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64_000 }), (thousandths) => {
      expect(parseCpu(String(thousandths / 1000))).toBe(thousandths);
    }),
  );
});

test("any other text is refused, never misread", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!/^[1-9]\d*(Ki|Mi|Gi|Ti|s|m|h|d)$/.test(text));
      expect(() => parseSize(text)).toThrow(RangeError);
      expect(() => parseDuration(text)).toThrow(RangeError);
    }),
  );
});

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [1536, "1.5 KiB"],
  [104_857_600, "100 MiB"],
  [1_610_612_736, "1.5 GiB"],
  [2 ** 50, "1024 TiB"],
])("%d bytes are shown as %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("a size that is shown is off by less than a tenth of its unit", () => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 45 }), (bytes) => {
      const [number, unit] = formatBytes(bytes).split(" ") as [string, string];
      const scale = 1024 ** units.indexOf(unit);
      expect(Math.abs(Number(number) * scale - bytes)).toBeLessThanOrEqual(scale / 2);
      expect(Number(number)).toBeLessThanOrEqual(1024);
    }),
  );
});
