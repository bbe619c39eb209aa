import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { deriveSecret } from "../../src/model/derive.ts";

const master = "0123456789abcdef0123456789abcdef";

test("a secret is what openssl's HKDF gives", () => {
  // openssl kdf -keylen 30 -kdfopt digest:SHA256 -kdfopt key:$master -kdfopt salt:datalab \
  //   -kdfopt info:dev/prefect/admin/1 -binary HKDF | base64
  expect(deriveSecret(master, "dev", { id: "prefect/admin", version: 1 })).toBe(
    "SyADEJP4rm7E0JWL8TwYS4JavHPxS6t9_Xz4-aci",
  );
});

test("a secret is RFC 5869: extract with the salt, expand with the label", () => {
  const label = fc.stringMatching(/^[a-z-]{1,20}$/);
  fc.assert(
    fc.property(label, label, label, fc.integer({ min: 1, max: 99 }), (stack, service, name, version) => {
      const key = createHmac("sha256", "datalab").update(master).digest();
      const block = createHmac("sha256", key).update(`${stack}/${service}/${name}/${version}\u0001`).digest();
      expect(deriveSecret(master, stack, { id: `${service}/${name}`, version })).toBe(
        block.subarray(0, 30).toString("base64url"),
      );
    }),
  );
});

test("other stacks, ids, versions and masters have other secrets, of 240 bits that stand in a URL as they are", () => {
  const input = fc.record({
    master: fc.string({ minLength: 32, maxLength: 64 }),
    stack: fc.constantFrom("dev", "staging", "prod"),
    id: fc.constantFrom("prefect/admin", "prefect/db", "postgres/admin"),
    version: fc.integer({ min: 1, max: 3 }),
  });
  const derive = (i: { master: string; stack: string; id: string; version: number }) =>
    deriveSecret(i.master, i.stack, i);
  fc.assert(
    fc.property(input, input, (one, other) => {
      fc.pre(JSON.stringify(one) !== JSON.stringify(other));
      expect(derive(one)).toMatch(/^[A-Za-z0-9_-]{40}$/);
      expect(derive(one)).not.toBe(derive(other));
    }),
  );
});

test("a master secret that is too short is refused", () => {
  expect(() => deriveSecret("short", "dev", { id: "a/b", version: 1 })).toThrow(
    "The master secret must have at least 32 characters.",
  );
});
