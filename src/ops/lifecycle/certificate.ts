import "reflect-metadata";
import { type webcrypto as types, webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** A certificate for all names below a domain, and the authority that has signed it. All PEM. */
export interface Certificate {
  readonly key: string;
  readonly certificate: string;
  readonly authority: string;
}

const day = 86_400_000;
/** The most that browsers take from an authority that people have added themselves. */
const leafDays = 825;
const authorityDays = 3650;
/** One that ends within so many days is made anew. */
const renewDays = 30;
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/**
 * Makes an authority that signs this one certificate: its key is thrown away, so that whoever trusts it
 * trusts nothing else. Clocks that are a little behind take it too.
 */
export async function makeCertificate(domain: string, stack: string, now = new Date()): Promise<Certificate> {
  const notBefore = new Date(now.getTime() - day);
  const until = (days: number) => new Date(now.getTime() + days * day);
  const generate = () =>
    webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<types.CryptoKeyPair>;
  const [authorityKeys, keys] = await Promise.all([generate(), generate()]);
  const issuer = `CN=DataLab ${stack}, O=DataLab`;
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: issuer,
    keys: authorityKeys,
    signingAlgorithm: algorithm,
    notBefore,
    notAfter: until(authorityDays),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${commonName(domain)}`,
    issuer,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: algorithm,
    notBefore,
    notAfter: until(leafDays),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: `*.${domain}` },
        { type: "dns", value: domain },
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    key: x509.PemConverter.encode(pkcs8, "PRIVATE KEY"),
    certificate: certificate.toString("pem"),
    authority: authority.toString("pem"),
  };
}

/** A name of at most 64 characters, which is all that it may have; clients look at the alternative names. */
const commonName = (domain: string): string => (domain.length <= 62 ? `*.${domain}` : "DataLab");

/** Why a certificate no longer serves; undefined: it does. */
export function whyRenew(
  { certificate, authority }: Partial<Certificate>,
  domain: string,
  now = new Date(),
): string | undefined {
  if (!certificate || !authority) return "there is none yet";
  try {
    const [leaf, signer] = [new X509Certificate(certificate), new X509Certificate(authority)];
    if (leaf.checkHost(`any.${domain}`) === undefined) return `it is not for ${domain}`;
    if (leaf.validToDate.getTime() - now.getTime() < renewDays * day) return "it ends soon";
    if (!leaf.verify(signer.publicKey)) return "its authority is another one";
    return undefined;
  } catch {
    return "it can't be read";
  }
}
