import { describe, expect, test } from "vitest";
import { parameterValues } from "../../../src/ops/services/parameters.ts";

// As Prefect 3 makes them of `str`, `str | None`, `date`, `int | str`, `list[str] | None`, an Enum and a
// Literal.
const schema = {
  properties: {
    text: { type: "string", title: "text" },
    maybe: { anyOf: [{ type: "string" }, { type: "null" }], default: null },
    date: { type: "string", format: "date" },
    either: { anyOf: [{ type: "integer" }, { type: "string" }] },
    list: { anyOf: [{ type: "array", items: { type: "string" } }, { type: "null" }] },
    count: { type: "integer" },
    level: { allOf: [{ $ref: "#/definitions/Level" }] },
    literal: { enum: [1, "high"] },
    bare: { title: "bare" },
    defaulted: { title: "defaulted", default: "20240101" },
    loop: { $ref: "#/definitions/Loop" },
  },
  definitions: {
    Level: { enum: ["1", "2"], type: "string" },
    Loop: { anyOf: [{ $ref: "#/definitions/Loop" }, { type: "string" }] },
  },
};
const read = (key: string, text: string) => parameterValues("p", new Map([[key, text]]), schema)[key];

describe("a parameter that is a text", () => {
  test.each(["text", "maybe", "date", "defaulted", "loop"])("keeps what was typed: %s", (key) => {
    for (const text of ["20240101", "007", "1e3", "true", '"x"', "[1]", "{}", "", " a "]) {
      expect(read(key, text)).toBe(text);
    }
  });

  test("is null where it may be, and the text null where it may not", () => {
    expect([read("maybe", "null"), read("text", "null")]).toEqual([null, "null"]);
  });

  test("or a number is a number", () => {
    expect([read("either", "7"), read("either", "7.5"), read("either", "x")]).toEqual([7, "7.5", "x"]);
  });

  test("of a choice is one of them, of its type", () => {
    expect([read("level", "1"), read("literal", "1"), read("literal", "high")]).toEqual(["1", 1, "high"]);
  });
});

describe("any other parameter is read as JSON", () => {
  test.each([
    ["count", "7", 7],
    ["list", '["20240101"]', ["20240101"]],
    ["list", "null", null],
    ["bare", "7", 7],
    ["bare", "1.5", 1.5],
    ["bare", "true", true],
    ["bare", "null", null],
    ["bare", '{"a":[1]}', { a: [1] }],
    ["bare", "flights.csv", "flights.csv"],
    ["bare", "", ""],
  ])("%s=%s", (key, text, value) => {
    expect(read(key, text)).toEqual(value);
  });

  test("with every digit of an integer", () => {
    expect(JSON.stringify(read("count", "12345678901234567890"))).toBe("12345678901234567890");
  });
});

test("an unknown parameter is refused", () => {
  expect(() => read("tabel", "x")).toThrow(expect.objectContaining({ code: "E_PARAMETER" }));
});
