import { z } from "zod";
import { ConfigError } from "../../errors.ts";
import { secretPattern } from "../../model/names.ts";
import { external, type Ref, type Text, t } from "../../model/refs.ts";
import type { EndpointView } from "../../model/service.ts";

/** Single sign-on at the gateway: its options, and what src/gateway/gate/oidc.go reads. */

const loopback = /^(127\.0\.0\.1|localhost|\[::1\])$/;
const callbackPath = "/.datalab/sso/callback";

/** http is for a provider on this very machine, such as a test's. */
const secureUrl = (example: string) =>
  z.string().refine(
    (text) => {
      if (!URL.canParse(text)) return false;
      const { protocol, hostname } = new URL(text);
      return protocol === "https:" || (protocol === "http:" && loopback.test(hostname));
    },
    { error: `a URL that begins with https://, such as "${example}"` },
  );

const claim = (value: string) => z.string().min(1).default(value);

const people = z.strictObject({
  emails: z
    .array(z.email({ error: "an e-mail address" }))
    .default([])
    .describe("E-mail addresses."),
  domains: z
    .array(z.string().regex(/^[A-Za-z0-9.-]+\.[A-Za-z]{2,}$/, 'a domain such as "example.com"'))
    .default([])
    .describe("Domains; all their e-mail addresses are included."),
  groups: z
    .array(z.string().min(1))
    .default([])
    .describe("Groups of the provider; all their members are included."),
});

const named = ({ emails, domains, groups }: z.output<typeof people>) =>
  emails.length + domains.length + groups.length > 0;

export const oidc = z
  .strictObject({
    issuer: secureUrl("https://login.example.com/realms/lab").describe(
      "The provider: below this address it has /.well-known/openid-configuration.",
    ),
    clientId: z.string().min(1).describe("The platform's client id at the provider."),
    clientSecret: z
      .string()
      .regex(secretPattern, "a name such as sso-secret")
      .optional()
      .describe(
        "Name of a secret given from outside: ./datalab secrets set NAME. Absent: a public client, without one.",
      ),
    callback: secureUrl(`https://core.lab.example.com${callbackPath}`)
      .refine((text) => URL.canParse(text) && new URL(text).pathname === callbackPath, {
        error: `a URL that ends with ${callbackPath}`,
      })
      .optional()
      .describe(
        `Where the provider sends people back to, as registered there; absent: ${callbackPath} of the core's page.`,
      ),
    label: z
      .string()
      .min(1)
      .max(60)
      .optional()
      .describe("Name of the provider on the login page; default: its host name."),
    scopes: z
      .array(z.string().regex(/^[!-~]+$/))
      .default(["openid", "email", "profile"])
      .refine((scopes) => scopes.includes("openid"), { error: "openid among the scopes" })
      .describe("Requested scopes. Some providers send groups only if the scope groups is requested."),
    userClaim: claim("email").describe("Claim with the user's name."),
    groupsClaim: claim("groups").describe("Claim that lists groups, such as groups or realm_access.roles."),
    trustEmails: z
      .boolean()
      .default(false)
      .describe(
        "Takes e-mail addresses also from a provider that never says email_verified. Only where people can't choose theirs.",
      ),
    allowed: people
      .extend({
        anyone: z.boolean().default(false).describe("Whether every user of the provider is included."),
      })
      .refine((who) => who.anyone || named(who), {
        error: "somebody: emails, domains, groups, or anyone: true",
      })
      .describe("Users who may open the platform."),
    admins: people.prefault({}).describe("Users who are admins; they may open the platform too."),
    adminsOnly: z
      .array(z.string().min(1))
      .default([])
      .describe(
        "Services, such as spark, whose pages only admins open. Whoever has a password or the token is one.",
      ),
    ca: z
      .string()
      .includes("-----BEGIN CERTIFICATE-----", { error: "certificates in PEM" })
      .optional()
      .describe("CA certificates for the provider's certificate; default: the public ones."),
  })
  .describe("Single sign-on through OpenID Connect, instead of a password.");

export type Oidc = z.output<typeof oidc>;

/** File beside gateway.json. */
const secretFile = "sso-client-secret";

export const oidcFiles = (options: Oidc | undefined): Record<string, Text> =>
  options?.clientSecret === undefined ? {} : { [secretFile]: external(options.clientSecret) };

/** Port of the provider: the only thing outside that the gateway talks to. */
export function oidcPorts(options: Oidc | undefined): { readonly port: number }[] {
  if (!options) return [];
  const { port, protocol } = new URL(options.issuer);
  return [{ port: Number(port) || (protocol === "https:" ? 443 : 80) }];
}

/**
 * `guarded`: the pages that the gateway asks for a login at; the first one's address is where the provider
 * leads back to.
 */
export function oidcConfiguration(options: Oidc, guarded: readonly EndpointView[]) {
  checkServices(options, guarded);
  const [first] = guarded;
  if (!first) throw new Error("there is no page to log in at");
  const home: Ref = { ref: "publicUrl", workload: first.workload, endpoint: first.name };
  return {
    issuer: options.issuer,
    clientId: options.clientId,
    ...(options.clientSecret !== undefined && { clientSecretFile: `/run/datalab/${secretFile}` }),
    scopes: options.scopes,
    label: options.label ?? new URL(options.issuer).hostname,
    userClaim: options.userClaim,
    groupsClaim: options.groupsClaim,
    trustEmails: options.trustEmails,
    allowed: options.allowed,
    admins: options.admins,
    callback: options.callback ?? t`${home}${callbackPath}`,
    ...(options.ca !== undefined && { ca: options.ca }),
  };
}

/** A page that is said to be for admins and is not guarded would be open to everybody. */
function checkServices({ adminsOnly }: Oidc, guarded: readonly EndpointView[]): void {
  const names = [...new Set(guarded.map(({ service }) => service))];
  const problems = adminsOnly.flatMap((name, i) =>
    names.includes(name)
      ? []
      : [
          {
            path: ["services", "gateway", "options", "oidc", "adminsOnly", i],
            message: `expected a service whose pages the gateway protects, received "${name}"`,
            fix: `These are: ${names.join(", ")}.`,
          },
        ],
  );
  if (problems.length > 0) throw new ConfigError(problems);
}
