import { z } from "zod";
import { secretPattern } from "../model/names.ts";
import { durationPattern } from "../model/units.ts";

const secretName = z
  .string()
  .regex(secretPattern, "a name such as slack-url")
  .describe("Name of an external secret: ./datalab secrets set NAME.");
const address = z.email({ error: "an e-mail address" });
const hostPort = z.string().regex(/^[a-z0-9.-]+:\d{1,5}$/i, "a host and port such as smtp.example.com:587");
const httpUrl = z.url({ protocol: /^https?$/, error: "a URL that begins with http:// or https://" });

/** Who is told of which alerts. */
export const alertRoute = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,38}$/, "a name such as on-call")
      .describe("Name of the receiver."),
    severities: z
      .array(z.enum(["critical", "warning", "info"]))
      .min(1)
      .default(["critical", "warning"])
      .describe("Alerts of these severities."),
    services: z.array(z.string()).min(1).optional().describe("Alerts of these services only; default: all."),
    repeat: z
      .string()
      .regex(durationPattern, 'a duration such as "4h"')
      .default("4h")
      .describe("An active alert is repeated after this time."),
    webhook: z
      .strictObject({
        url: httpUrl
          .optional()
          .describe("URL that alerts are posted to; use urlSecret if the URL contains a secret."),
        urlSecret: secretName.optional(),
        port: z
          .int()
          .min(1)
          .max(65_535)
          .default(443)
          .describe(
            "Port of the URL in urlSecret; a cluster's network rules allow alerts only to known ports.",
          ),
      })
      .refine(({ url, urlSecret }) => (url === undefined) !== (urlSecret === undefined), {
        error: "either url or urlSecret",
      })
      .optional()
      .describe("Posts Alertmanager's JSON."),
    slack: z
      .strictObject({
        urlSecret: secretName,
        channel: z
          .string()
          .regex(/^[#@].+$/, "a channel such as #data")
          .describe("Channel."),
      })
      .optional()
      .describe("Posts to Slack through an incoming webhook."),
    email: z
      .strictObject({
        to: z.array(address).min(1).describe("Addresses."),
        from: address.describe("Sender."),
        server: hostPort.describe("SMTP server."),
        user: z.string().optional().describe("User at the SMTP server."),
        passwordSecret: secretName.optional(),
        tls: z.boolean().default(true).describe("Whether the server must offer STARTTLS."),
      })
      .optional()
      .describe("Sends e-mail."),
  })
  .refine(
    ({ webhook, slack, email }) => webhook !== undefined || slack !== undefined || email !== undefined,
    {
      error: "at least one of webhook, slack and email",
    },
  )
  .describe("Receivers of alerts.");

export const alertRoutes = z
  .array(alertRoute)
  .refine((routes) => new Set(routes.map((r) => r.name)).size === routes.length, {
    error: "receivers with different names",
  })
  .refine((routes) => routes.every((r) => r.name !== "alert-log"), {
    error: "a receiver with another name: alert-log is the platform's own",
  });

export type AlertRoute = z.output<typeof alertRoute>;

/** Ports that must be reached to tell people. */
export function routePorts(routes: readonly AlertRoute[]): { readonly port: number }[] {
  const portOf = (url: URL) => Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  return routes
    .flatMap(({ webhook, slack, email }) => [
      ...(webhook ? [webhook.url === undefined ? webhook.port : portOf(new URL(webhook.url))] : []),
      ...(slack ? [443] : []),
      ...(email ? [Number(email.server.split(":").at(-1))] : []),
    ])
    .map((port) => ({ port }));
}

/** Names of the secrets from outside that these routes need. */
export function routeSecrets(routes: readonly AlertRoute[]): string[] {
  const names = routes.flatMap(({ webhook, slack, email }) => [
    webhook?.urlSecret,
    slack?.urlSecret,
    email?.passwordSecret,
  ]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}
