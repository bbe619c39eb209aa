import { z } from "zod";
import { dnsLabel } from "../model/names.ts";
import { durationPattern, parseDuration } from "../model/units.ts";
import { cpuText, memory, size } from "./schema.ts";

const name = z.string().regex(dnsLabel, "a name of lower case letters, digits and -, such as my-service");
const duration = z
  .string()
  .regex(durationPattern, 'a duration such as "30s"')
  .meta({ examples: ["30s"] });
const text = z.string();
const path = z.string().startsWith("/", { error: "a path that begins with /" });
const port = z.int().min(1).max(65535);
/** The core's timers are limited to some weeks. */
const checkInterval = duration.refine(
  (every) => !durationPattern.test(every) || parseDuration(every) <= 86400,
  { error: "at most 1d between checks" },
);

const need = z
  .union([
    z.strictObject({
      database: name.describe("A PostgreSQL database of this name, with its own role."),
    }),
    z.strictObject({
      bucket: z
        .union([name, z.array(name).min(1)])
        .describe("One bucket or several of the object store, with a key that opens only these."),
    }),
    z.strictObject({
      secret: z
        .strictObject({
          user: text.optional().describe("User name, if people log in with the secret."),
          opens: text.optional().describe("What it opens, as shown to people."),
        })
        .describe("A random secret, derived for this stack only; `{}` if people do not need it."),
    }),
    z.strictObject({
      endpoint: z
        .string()
        .regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, "a workload and endpoint such as prefect.api")
        .meta({ examples: ["prefect.api"] })
        .describe("Another workload's endpoint; the part waits until it accepts connections."),
    }),
  ])
  .describe("What the service needs: exactly one of the four kinds.");

const endpoint = z
  .strictObject({
    port: port.describe("Port that the part listens on, inside the network."),
    protocol: z.enum(["http", "tcp"]).default("http").describe("Protocol of the port."),
    summary: text.default("its endpoint").describe("Short description for people."),
    published: port
      .optional()
      .describe("Port on 127.0.0.1, before `portOffset`; if omitted, the endpoint is not published."),
    browser: z.boolean().default(false).describe("Whether people open it in a browser."),
    login: text
      .optional()
      .describe("Name of a secret need with a user; this secret is the endpoint's login."),
    auth: z
      .enum(["gateway", "own"])
      .optional()
      .describe("Who asks for a login: the gateway (default of http), or the service itself."),
    internal: z
      .array(path)
      .default([])
      .describe("Path prefixes that the gateway does not serve, such as `/metrics`."),
    path: path.default("/").describe("Path of the page that people open."),
  })
  .describe("A port of the part for other services or people.");

const probe = z
  .strictObject({
    command: z.array(text).min(1).describe("Command inside the container; it exits 0 when the part works."),
    every: duration.default("30s").describe("Time between two probes."),
    within: duration.default("60s").describe("Time for a start before failed probes count."),
  })
  .describe("Checks whether the process works; required unless the part ends by itself.");

const drain = z
  .strictObject({
    command: z
      .array(text)
      .min(1)
      .describe("Command inside the container; it exits with 0 when no work is running."),
    within: duration.default("60s").describe("Maximum time."),
  })
  .describe("Lets running work end before the part is stopped or restarted by hand.");

const dump = z
  .strictObject({
    command: z
      .array(text)
      .min(1)
      .describe(
        "Program inside the container that is called with `list`, `save NAME`, `load NAME`, `digest NAME`, `digest-saved`, `swap NAME...` or `discard`; see docs/backup.md.",
      ),
  })
  .describe("How the part's own data is saved and restored; data in buckets and databases needs no dump.");

const scrape = z
  .strictObject({
    endpoint: name.describe("Endpoint of the part."),
    path: path.default("/metrics").describe("Path of the metrics."),
    every: duration.default("15s").describe("Time between two readings."),
    login: text.optional().describe("Secret need with a user that is the login, through HTTP Basic."),
    bearer: text.optional().describe("Secret need that is the bearer token."),
  })
  .describe("Metrics that Prometheus reads; the job of `main` has the workload's name.");

const alert = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Z][A-Za-z0-9]*$/, "a name such as NotesAreSlow")
      .describe("CamelCase, unique in the stack."),
    expr: text.min(1).describe("PromQL."),
    for: duration.default("1m").describe("How long the condition must hold."),
    severity: z.enum(["critical", "warning", "info"]).default("warning").describe("Severity of the alert."),
    summary: text.min(1).describe("The problem, in one sentence."),
    description: text.optional().describe("What to do about it."),
  })
  .describe("An additional alert; every service has some by default.");

const volume = z
  .strictObject({
    path: path.describe("Mount path. `/data` belongs to the images' user."),
    size: size.describe("Declared size; a quota if the target supports quotas."),
  })
  .describe("Data that is kept when the container is replaced.");

const part = z
  .strictObject({
    image: text
      .min(1)
      .meta({ examples: ["python"] })
      .describe("Logical image name, see `src/images`; or one of `images.digests`."),
    command: z
      .array(text)
      .min(1)
      .describe("Command and arguments, with placeholders. Secrets belong in `env` or `files`."),
    env: z
      .record(z.string().regex(/^[A-Za-z_]\w*$/, "a variable name such as MY_NAME"), text)
      .default({})
      .describe("Environment variables, with placeholders; `docker inspect` never shows those with secrets."),
    files: z
      .record(z.string().regex(/^(?!env$)\w[\w.-]*$/, "a plain file name other than env"), text)
      .default({})
      .describe("Files under `/run/datalab`, by name, with placeholders."),
    endpoints: z.record(name, endpoint).default({}).describe("Ports of the part."),
    probe: probe.optional(),
    metrics: z.record(name, scrape).default({}).describe("Metrics that Prometheus reads from the part."),
    after: z
      .array(
        z.string().regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, "a part and endpoint of this service such as main.web"),
      )
      .default([])
      .describe("Endpoints of the service's other parts that must accept connections before it starts."),
    replicas: z.int().min(1).max(100).default(1).describe("Number of replicas behind one name."),
    volumes: z.record(name, volume).default({}).describe("Data volumes."),
    resources: z
      .strictObject({
        cpu: cpuText.meta({ examples: ["250m"] }).describe("Share of the machine's cores."),
        memory: memory.describe("Memory limit."),
      })
      .describe("Size of the part; a stack may override it."),
    tmp: size
      .default("64Mi")
      .describe("Size of `/tmp`, which is the only writable folder apart from volumes."),
    oneShot: z
      .boolean()
      .default(false)
      .describe("Whether the part runs once per change, instead of permanently."),
    stopGrace: duration.default("10s").describe("Maximum time to stop."),
    drain: drain.optional(),
    dump: dump.optional(),
  })
  .describe("One container. The part `main` has the service's name, another is `<service>-<part>`.");

const checked = {
  part: name.default("main").describe("Part that has the endpoint."),
  endpoint: name.describe("Name of the endpoint."),
};
const checkSchema = z
  .strictObject({
    summary: text.min(1).describe("What it proves, in a few words."),
    every: checkInterval.default("30s").describe("Time between two checks, at most a day."),
    timeout: duration.default("10s").describe("Time after which the check fails."),
    http: z
      .strictObject({
        ...checked,
        path: path.describe("Path of the request."),
        status: z.int().min(100).max(599).default(200).describe("Expected status."),
      })
      .optional()
      .describe("An HTTP request; either this or `tcp`."),
    tcp: z
      .strictObject(checked)
      .optional()
      .describe("A TCP connection that must be accepted; either this or `http`."),
  })
  .describe("A functional check, run by the core.");

/** A service as a YAML or JSON file. */
export const serviceFile = z
  .strictObject({
    name: name.describe("Its name in the stack, and its host name in the network."),
    summary: text.min(1).describe("One sentence that says what it is for."),
    version: text.min(1).describe("The product's version."),
    owner: text.default("platform").describe("Team or person that is responsible for it."),
    backup: text.min(1).describe("What saves its state, in a sentence."),
    needs: z
      .record(name, need)
      .default({})
      .describe("What it needs from the platform, by a name of your choice."),
    parts: z
      .record(name, part)
      .refine((parts) => Object.keys(parts).length > 0, { error: "at least one part" })
      .describe("The containers of the service."),
    checks: z.record(name, checkSchema).default({}).describe("Functional checks."),
    alerts: z.array(alert).default([]).describe("Alerts."),
  })
  .describe("A service of the platform.");

/** A service file that is valid by itself. */
export type ServiceFileContent = z.output<typeof serviceFile>;
