import { request } from "node:http";
import { z } from "zod";
import { curl } from "../model/curl.ts";
import { secret } from "../model/needs.ts";
import { json, type Ref, type Template, t } from "../model/refs.ts";
import { type CheckContext, defineService, type EndpointView, type PartContext } from "../model/service.ts";
import { oidc, oidcConfiguration, oidcFiles, oidcPorts } from "./gateway/oidc.ts";

/**
 * The platform's one way in: Caddy with the modules of src/gateway. Its container publishes every port; who
 * comes in by HTTP is asked for a login here, unless the service asks by itself.
 */

const user = "admin";
const statusPort = 9180;
const hash =
  /^\$(argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+|2[aby]\$\d\d\$[./A-Za-z0-9]{53})$/;

const needs = {
  admin: secret({ user, opens: "every page of the platform" }),
  token: secret(),
  session: secret(),
};
const fields = z.strictObject({
  hosts: z
    .array(z.string().regex(/^[A-Za-z0-9.-]+(:\d+)?$/, 'a host name such as "lab.example.com"'))
    .default([])
    .describe("Additional host names of the pages, besides 127.0.0.1 and localhost.")
    .meta({ owner: "hosts" }),
  proxies: z
    .int()
    .min(0)
    .max(5)
    .optional()
    .describe(
      "How many proxies stand before it, each of which appends to X-Forwarded-For whom it heard from; absent: one in a cluster, its ingress controller, none elsewhere.",
    )
    .meta({ owner: "hosts" }),
  oidc: oidc.optional().meta({ owner: "people" }),
  passwordLogin: z
    .boolean()
    .default(true)
    .describe(
      "Whether passwords log in, beside single sign-on: admin's is the way in when the provider is down.",
    ),
  sessionHours: z
    .number()
    .min(0.1)
    .max(720)
    .default(12)
    .describe("How long a login is valid after the last request."),
  users: z
    .array(
      z.strictObject({
        name: z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9@._-]{0,63}$/, 'a name such as "ann"')
          .describe("User name."),
        hash: z
          .string()
          .regex(hash, "what ./datalab secrets hash-password prints")
          .describe("Hash of the user's password: argon2id or bcrypt."),
      }),
    )
    .default([])
    .refine((users) => new Set([user, ...users.map(({ name }) => name)]).size === users.length + 1, {
      message: `expected unique names other than "${user}"`,
    })
    .describe(
      "More people who may log in, beside admin: name, and a hash made by ./datalab secrets hash-password.",
    )
    .meta({ owner: "secrets" }),
});
const options = fields.refine(({ oidc, passwordLogin }) => passwordLogin || oidc !== undefined, {
  path: ["passwordLogin"],
  error: "true without oidc: nobody could log in",
});
type Context = PartContext<typeof needs, z.output<typeof options>>;

/** What src/gateway/setup reads. */
function configuration({ stack, needs, options, platform, cluster }: Context): Template {
  const guarded = platform.endpoints.filter(
    (e) => e.published !== null && e.protocol === "http" && e.auth === "gateway",
  );
  return json({
    stack,
    hosts: options.hosts,
    domain: cluster?.ingress.host ?? "",
    proxies: options.proxies ?? (cluster ? 1 : 0),
    sessionHours: options.sessionHours,
    sessionKey: needs.session,
    token: needs.token,
    users: [{ name: user, password: needs.admin }, ...options.users],
    ...(options.oidc && { oidc: oidcConfiguration(options.oidc, guarded) }),
    noPasswords: !options.passwordLogin,
    bind: "",
    statusPort,
    // In a cluster another one serves meanwhile: who holds a connection is given time to find it.
    drainSeconds: cluster ? 5 : 0,
    graceSeconds: cluster ? 30 : 5,
    // Through an ingress people reach pages only.
    endpoints: platform.endpoints
      .filter((e) => e.published !== null && (e.protocol === "http" || !cluster))
      .map((e) => ({
        ...describe(e),
        ...(options.oidc?.adminsOnly.includes(e.service) && guarded.includes(e) && { adminsOnly: true }),
      })),
  });
}

function describe(e: EndpointView) {
  return {
    service: e.workload,
    name: e.name,
    summary: e.summary,
    protocol: e.protocol,
    auth: e.auth,
    listen: e.published,
    ...(e.protocol === "http" && {
      origin: { ref: "publicUrl", workload: e.workload, endpoint: e.name } satisfies Ref,
    }),
    upstream: t`${{ ref: "address", workload: e.workload, endpoint: e.name, part: "host" }}:${e.port}`,
    internal: e.internal,
    selfGuarded: e.selfGuarded,
    ...(e.cookies.length > 0 && { cookies: e.cookies }),
    answers: e.answers,
    ...(e.auth === "gateway" && e.login && { login: e.login }),
  };
}

/** Asks as a browser's address would: by a name that is served. `fetch` sets the Host header by itself. */
function ask(url: string, port: number, signal: AbortSignal, token?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { host: `127.0.0.1:${port}`, ...(token && { authorization: `Bearer ${token}` }) };
    const sent = request(
      `http://${new URL(url).hostname}:${port}/`,
      { headers, signal, agent: false },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

/** The first port that is guarded here, told by the gateway itself. */
async function guardedPort({ endpoints, signal }: CheckContext): Promise<number> {
  const answer = await fetch(`${endpoints["main.status"]}/ports`, { signal });
  if (!answer.ok) throw new Error(`GET /ports answered ${answer.status}`);
  const [port] = ((await answer.json()) as { guarded: number[] }).guarded;
  if (port === undefined) throw new Error("no port is protected");
  return port;
}

export const gateway = defineService({
  name: "gateway",
  summary: "Gateway: one login for every page, and the only published ports.",
  version: "Caddy 2.11.9",
  needs,
  options,
  provides: { gateway: { part: "main", endpoint: "status", token: "token" } },
  parts: {
    main: {
      image: "gateway",
      // Sessions are signed with a secret that all of them have, and stored nowhere.
      scalable: true,
      command: () => ["gateway", "/run/datalab/gateway.json"],
      env: () => ({
        HOME: "/tmp",
        XDG_DATA_HOME: "/tmp",
        XDG_CONFIG_HOME: "/tmp",
        GOGC: "50",
        GOMEMLIMIT: "64MiB",
      }),
      files: (ctx) => ({ "gateway.json": configuration(ctx), ...oidcFiles(ctx.options.oidc) }),
      reaches: ({ options }) => oidcPorts(options.oidc),
      endpoints: {
        status: { port: statusPort, protocol: "http", summary: "its metrics", path: "/livez" },
      },
      metrics: { main: { endpoint: "status" } },
      probe: {
        command: curl(`http://127.0.0.1:${statusPort}/readyz`),
        within: "15s",
      },
      resources: { cpu: "200m", memory: "128Mi" },
      // It ends as soon as nothing is in work any more.
      stopGrace: "45s",
    },
  },
  checks: {
    refuses: {
      summary: "A request without a login is refused.",
      run: async (ctx) => {
        const status = await ask(ctx.endpoints["main.status"] ?? "", await guardedPort(ctx), ctx.signal);
        if (status !== 401) throw new Error(`a request without login was answered ${status} instead of 401`);
        return undefined;
      },
    },
    admits: {
      summary: "A request with the token reaches a service.",
      secrets: ["token"],
      run: async (ctx) => {
        const port = await guardedPort(ctx);
        const status = await ask(ctx.endpoints["main.status"] ?? "", port, ctx.signal, ctx.secrets.token);
        if ([401, 403, 421].includes(status))
          throw new Error(`a request with the token was answered ${status}`);
        return undefined;
      },
    },
  },
  alerts: () => [
    {
      name: "GatewayLoginsRefused",
      expr: 'increase(datalab_gateway_logins_total{result=~"refused|limited"}[5m]) > 20',
      for: "0s",
      severity: "warning",
      summary: "Many logins with wrong passwords are tried at the gateway.",
      description: "More than 20 logins were refused within 5 minutes.",
    },
    {
      name: "SingleSignOnFailing",
      expr: 'increase(datalab_gateway_logins_total{result="failed"}[5m]) > 2',
      for: "0s",
      severity: "warning",
      summary: "Single sign-on fails: its provider does not answer, or refuses the platform.",
      description: "See: services logs gateway",
    },
  ],
  backup: "none: it holds no state",
});
