import { createPrivateKey, X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { makeCertificate, whyRenew } from "../../../src/ops/lifecycle/certificate.ts";

const now = new Date("2026-03-01T12:00:00Z");
const days = (count: number) => new Date(now.getTime() + count * 86_400_000);

test("a certificate is for all names below a domain, and signed by an authority that signs no other", async () => {
  // WHEN one is made
  const made = await makeCertificate("lab.example.com", "staging", now);
  const leaf = new X509Certificate(made.certificate);
  const authority = new X509Certificate(made.authority);
  // THEN it is what a server shows
  expect(leaf.subject).toBe("CN=*.lab.example.com");
  expect(leaf.subjectAltName).toBe("DNS:*.lab.example.com, DNS:lab.example.com");
  expect(leaf.ca).toBe(false);
  expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
  expect(leaf.checkPrivateKey(createPrivateKey(made.key))).toBe(true);
  expect([leaf.validFromDate, leaf.validToDate]).toEqual([days(-1), days(825)]);
  // AND its authority vouches for it, and is one
  expect(leaf.checkIssued(authority)).toBe(true);
  expect(leaf.verify(authority.publicKey)).toBe(true);
  expect([authority.ca, authority.subject]).toEqual([true, "CN=DataLab staging\nO=DataLab"]);
  expect(authority.validToDate).toEqual(days(3650));
});

test("two stacks never have the same", async () => {
  const [one, other] = [await makeCertificate("a.b", "dev", now), await makeCertificate("a.b", "dev", now)];
  expect(one.key).not.toBe(other.key);
  expect(new X509Certificate(one.certificate).serialNumber).not.toBe(
    new X509Certificate(other.certificate).serialNumber,
  );
});

test("a domain that is too long for a common name is told in the alternative names", async () => {
  const domain = `${"a".repeat(60)}.example.com`;
  const leaf = new X509Certificate((await makeCertificate(domain, "dev", now)).certificate);
  expect([leaf.subject, leaf.checkHost(`core.${domain}`)]).toEqual(["CN=DataLab", `*.${domain}`]);
});

test("it is made anew when it no longer serves, and the reason is known", async () => {
  const made = await makeCertificate("lab.example.com", "staging", now);
  const other = await makeCertificate("lab.example.com", "staging", now);
  const why = (given: Parameters<typeof whyRenew>[0], domain = "lab.example.com", at = now) =>
    whyRenew(given, domain, at);
  expect(why(made)).toBeUndefined();
  expect(why(made, "lab.example.com", days(794))).toBeUndefined();
  expect(why(made, "lab.example.com", days(796))).toBe("it ends soon");
  expect(why(made, "other.example.com")).toBe("it is not for other.example.com");
  expect(why({ ...made, authority: other.authority })).toBe("its authority is another one");
  expect(why({ ...made, certificate: "" })).toBe("there is none yet");
  expect(why({ ...made, certificate: "rubbish" })).toBe("it can't be read");
});
