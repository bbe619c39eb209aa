import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  isRef,
  isSecret,
  isTemplate,
  json,
  type Ref,
  refsOf,
  render,
  t,
  template,
} from "../../src/model/refs.ts";

const secret: Ref = { ref: "secret", id: "prefect/admin" };
const host: Ref = { ref: "address", workload: "postgres", endpoint: "sql", part: "host" };
const page: Ref = { ref: "publicUrl", workload: "prefect", endpoint: "api" };
const anyRef = fc.constantFrom(secret, host, page);

/** What stands for a reference when texts are rendered: nothing that JSON would escape. */
const answer = (ref: Ref) => `[${ref.ref}]`;

test("neighbouring strings are joined, empty ones left out", () => {
  expect(template("a", "", "b", secret, "", template("c", 7))).toEqual({ parts: ["ab", secret, "c7"] });
  expect(template("")).toEqual({ parts: [] });
});

test("a template literal reads as the text it stands for", () => {
  const url = t`postgresql://${"user"}:${secret}@${host}:${5432}/db`;
  expect(url.parts).toEqual(["postgresql://user:", secret, "@", host, ":5432/db"]);
  expect(render(url, answer)).toBe("postgresql://user:[secret]@[address]:5432/db");
});

test("a text is secret when a secret is in it", () => {
  expect([isSecret("a"), isSecret(host), isSecret(secret), isSecret(t`x${secret}`)]).toEqual([
    false,
    false,
    true,
    true,
  ]);
  expect(refsOf(t`${host}${secret}`)).toEqual([host, secret]);
});

describe("data of people is no reference", () => {
  test.each([{ ref: "main" }, { ref: 1 }, { ref: null }, null, "secret", []])("%j", (value) => {
    expect(isRef(value)).toBe(false);
    expect(isTemplate(value)).toBe(false);
    expect(render(json({ git: value }), answer)).toBe(JSON.stringify({ git: value }, undefined, 2));
  });
});

test("any texts render to what they are, joined", () => {
  const text = fc.oneof(
    fc.string(),
    anyRef,
    fc.array(fc.oneof(fc.string(), anyRef)).map((all) => template(...all)),
  );
  fc.assert(
    fc.property(fc.array(text), (texts) => {
      const whole = template(...texts);
      expect(render(whole, answer)).toBe(texts.map((one) => render(one, answer)).join(""));
      expect(template(whole)).toEqual(whole);
      for (const [i, part] of whole.parts.entries()) {
        if (typeof part === "string")
          expect([part !== "", typeof whole.parts[i + 1] !== "string"]).toEqual([true, true]);
      }
    }),
  );
});

test("JSON without references is JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      fc.pre(!JSON.stringify(value).includes('"parts"'));
      expect(render(json(value), answer)).toBe(JSON.stringify(value, undefined, 2));
    }),
  );
});

test("JSON with references parses to the value with their answers, whatever else is in it", () => {
  const tree = fc.letrec((tie) => ({
    leaf: fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("<ref:0>", "ref", "\u00010\u0001", "ref--"),
      fc.integer(),
      fc.constant(null),
      anyRef,
      fc.tuple(fc.string(), anyRef, fc.string()).map(([before, ref, after]) => template(before, ref, after)),
    ),
    node: fc.oneof(
      { maxDepth: 3 },
      tie("leaf"),
      fc.array(tie("node")),
      fc.dictionary(fc.constantFrom("a", "b", "ref-"), tie("node")),
    ),
  })).node;
  const answered = (value: unknown): unknown => {
    if (isRef(value)) return answer(value);
    if (isTemplate(value)) return render(value, answer);
    if (Array.isArray(value)) return value.map(answered);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, answered(inner)]));
  };
  fc.assert(
    fc.property(tree, (value) => {
      expect(JSON.parse(render(json(value), answer))).toEqual(answered(value));
    }),
    { numRuns: 500 },
  );
});
