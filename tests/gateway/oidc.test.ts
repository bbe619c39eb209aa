import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { isSecret, type Ref, render } from "../../src/model/refs.ts";
import { gateway } from "../../src/services/gateway.ts";
import { foundation, modelOf } from "../support/project.ts";

const known = [...foundation, gateway];

const signOn = (more = "") => `
services:
  gateway:
    options:
      oidc:
        issuer: https://login.example.com/realms/lab
        clientId: datalab
        clientSecret: sso-secret
        allowed: { domains: [example.com] }
        ${more}
`;

/** The secret from outside, given to the stack. */
const given = "\n  datalab:secret-sso-secret:\n    secure: abc";

const say = (ref: Ref) =>
  ref.ref === "publicUrl" ? `<${ref.workload}>` : ref.ref === "external" ? `<${ref.name}>` : "x";

function workload(yaml: string) {
  const found = modelOf(yaml, "dev", known, given)
    .services.flatMap((s) => s.workloads)
    .find(({ name }) => name === "gateway");
  if (!found) throw new Error("there is no gateway");
  const file = JSON.parse(render(found.files["gateway.json"] ?? "", say)) as Record<string, unknown> & {
    endpoints: { service: string; adminsOnly?: boolean }[];
  };
  return { found, file };
}

describe("single sign-on", () => {
  test("is handed to the gateway with its defaults, and leads back to the core's page", () => {
    expect(workload(signOn()).file.oidc).toEqual({
      issuer: "https://login.example.com/realms/lab",
      clientId: "datalab",
      clientSecretFile: "/run/datalab/sso-client-secret",
      scopes: ["openid", "email", "profile"],
      label: "login.example.com",
      userClaim: "email",
      groupsClaim: "groups",
      trustEmails: false,
      allowed: { anyone: false, emails: [], domains: ["example.com"], groups: [] },
      admins: { emails: [], domains: [], groups: [] },
      callback: "<core>/.datalab/sso/callback",
    });
  });

  test("keeps the client's secret in a file of its own, and out of everything else", () => {
    const { found } = workload(signOn());
    expect(render(found.files["sso-client-secret"] ?? "", say)).toBe("<sso-secret>");
    expect(Object.values(found.env).filter(isSecret)).toEqual([]);
    expect(render(found.files["gateway.json"] ?? "", say)).not.toContain("<sso-secret>");
  });

  test("needs the secret to be given", () => {
    expect(() => modelOf(signOn(), "dev", known)).toThrow("expected the secret sso-secret to be given");
  });

  test("lets the gateway out to the provider's port, and nowhere without one", () => {
    expect(workload(signOn()).found.reaches).toEqual([{ port: 443 }]);
    const other = signOn().replace("login.example.com/", "login.example.com:8443/");
    expect(workload(other).found.reaches).toEqual([{ port: 8443 }]);
    expect(workload("").found.reaches).toEqual([]);
    expect(workload("").file).not.toHaveProperty("oidc");
  });

  test("reserves the pages of a service for admins", () => {
    const { file } = workload(signOn("adminsOnly: [prefect]"));
    expect(file.endpoints.filter(({ adminsOnly }) => adminsOnly).map(({ service }) => service)).toEqual([
      "prefect",
    ]);
  });

  test("reserves no page that the gateway does not guard", () => {
    const wrong = () => workload(signOn("adminsOnly: [prefect, object-store, nothing]"));
    expect(wrong).toThrow(ConfigError);
    expect(wrong).toThrow(
      'services.gateway.options.oidc.adminsOnly[1]: expected a service whose pages the gateway protects, received "object-store"\n' +
        "  These are: core, prefect.\n" +
        '✖ services.gateway.options.oidc.adminsOnly[2]: expected a service whose pages the gateway protects, received "nothing"',
    );
  });

  test("can take the place of passwords, which nothing else can", () => {
    const without = (yaml: string) => yaml.replace("options:", "options:\n      passwordLogin: false");
    expect(workload(without(signOn())).file.noPasswords).toBe(true);
    expect(workload(signOn()).file.noPasswords).toBe(false);
    const parsed = gateway.options?.safeParse({ passwordLogin: false });
    expect(parsed?.error?.issues).toMatchObject([
      { path: ["passwordLogin"], message: "true without oidc: nobody could log in" },
    ]);
  });

  test.each([
    ["nobody", { allowed: {} }, "somebody: emails, domains, groups, or anyone: true"],
    ["plain http", { issuer: "http://login.example.com" }, "a URL that begins with https://"],
    ["another path to come back to", { callback: "https://core.lab.example/back" }, "/.datalab/sso/callback"],
    ["no openid", { scopes: ["email"] }, "openid among the scopes"],
    ["a secret in place of its name", { clientSecret: "8Hx!secret" }, "a name such as sso-secret"],
    ["a key in place of a certificate", { ca: "-----BEGIN PRIVATE KEY-----" }, "certificates in PEM"],
  ])("with %s is refused", (_what, change, words) => {
    const oidc = {
      issuer: "https://login.example.com",
      clientId: "datalab",
      allowed: { anyone: true },
      ...change,
    };
    const parsed = gateway.options?.safeParse({ oidc });
    expect(JSON.stringify(parsed?.error?.issues)).toContain(words);
  });

  test("works with a provider of this very machine, a public client and anybody", () => {
    const oidc = { issuer: "http://127.0.0.1:9999", clientId: "datalab", allowed: { anyone: true } };
    expect(gateway.options?.safeParse({ oidc }).success).toBe(true);
  });
});
