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
/** The core's timers hold no more than some weeks. */
const checkInterval = duration.refine(
  (every) => !durationPattern.test(every) || parseDuration(every) <= 86400,
  { error: "at most 1d between checks" },
);

const need = z
  .union([
    z.strictObject({
      database: name.describe("A PostgreSQL database of this name, with a role of its own."),
    }),
    z.strictObject({
      bucket: z
        .union([name, z.array(name).min(1)])
        .describe("One bucket or several of the object store, with a key that opens only these."),
    }),
    z.strictObject({
      secret: z
        .strictObject({
          user: text.optional().describe("User name, when people log in with it."),
          opens: text.optional().describe("What it opens, as people are told."),
        })
        .describe("A random secret, derived for this stack alone; `{}` when no person needs it."),
    }),
    z.strictObject({
      endpoint: z
        .string()
        .regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, "a workload and endpoint such as prefect.api")
        .meta({ examples: ["prefect.api"] })
        .describe("Another workload's endpoint; the part waits until it accepts connections."),
    }),
  ])
  .describe("What it asks for: exactly one of the four kinds.");

const endpoint = z
  .strictObject({
    port: port.describe("Port that the part listens on, inside the network."),
    protocol: z.enum(["http", "tcp"]).default("http").describe("What is spoken on it."),
    summary: text.default("its endpoint").describe("What people are told it is."),
    published: port.optional().describe("Port on 127.0.0.1, before `portOffset`; absent: not published."),
    browser: z.boolean().default(false).describe("Whether people open it in a browser."),
    login: text.optional().describe("Name of the secret need, with a user, that opens it."),
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
  .describe("A port that others reach it on.");

const probe = z
  .strictObject({
    command: z.array(text).min(1).describe("Command inside the container; it exits 0 when the part works."),
    every: duration.default("30s").describe("Time between two probes."),
    within: duration.default("60s").describe("How long a start may take before failed probes count."),
  })
  .describe("Whether the process works; required unless the part ends by itself.");

const drain = z
  .strictObject({
    command: z
      .array(text)
      .min(1)
      .describe("Command inside the container; it exits 0 once nothing is under way."),
    within: duration.default("60s").describe("How long it may take."),
  })
  .describe("What ends its work in peace before it is stopped or restarted by hand.");

const dump = z
  .strictObject({
    command: z
      .array(text)
      .min(1)
      .describe(
        "Program inside the container that is called with `list`, `save NAME`, `load NAME`, `digest NAME`, `digest-saved`, `swap` or `discard`; see docs/backup.md.",
      ),
  })
  .describe(
    "How what it holds gets into a backup and back; what it keeps in buckets and databases needs none.",
  );

const scrape = z
  .strictObject({
    endpoint: name.describe("Endpoint of the part."),
    path: path.default("/metrics").describe("Path of the metrics."),
    every: duration.default("15s").describe("Time between two readings."),
    login: text.optional().describe("Secret need with a user that opens it, by HTTP Basic."),
    bearer: text.optional().describe("Secret need that opens it, as a bearer token."),
  })
  .describe("Metrics that Prometheus reads; `main` carries the workload's name alone.");

const alert = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Z][A-Za-z0-9]*$/, "a name such as NotesAreSlow")
      .describe("CamelCase, unique in the stack."),
    expr: text.min(1).describe("PromQL."),
    for: duration.default("1m").describe("How long it must hold."),
    severity: z.enum(["critical", "warning", "info"]).default("warning").describe("How bad it is."),
    summary: text.min(1).describe("What is wrong, in a sentence."),
    description: text.optional().describe("What to do about it."),
  })
  .describe("An alert of its own, beside those that every service has.");

const volume = z
  .strictObject({
    path: path.describe("Where it is mounted. `/data` belongs to the images' user."),
    size: size.describe("Declared size: a quota where the target has one."),
  })
  .describe("Data that outlives the container.");

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
      .describe("Variables, with placeholders; those with secrets never show in `docker inspect`."),
    files: z
      .record(z.string().regex(/^(?!env$)\w[\w.-]*$/, "a plain file name other than env"), text)
      .default({})
      .describe("Files under `/run/datalab`, by name, with placeholders."),
    endpoints: z.record(name, endpoint).default({}).describe("Where others reach it."),
    probe: probe.optional(),
    metrics: z.record(name, scrape).default({}).describe("What Prometheus reads of it."),
    after: z
      .array(
        z.string().regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, "a part and endpoint of this service such as main.web"),
      )
      .default([])
      .describe("Endpoints of the service's other parts that must accept connections before it starts."),
    replicas: z.int().min(1).max(100).default(1).describe("How many of it run behind its one name."),
    volumes: z.record(name, volume).default({}).describe("Its data."),
    resources: z
      .strictObject({
        cpu: cpuText.meta({ examples: ["250m"] }).describe("Share of the machine's cores."),
        memory: memory.describe("Memory limit."),
      })
      .describe("Its size; a stack may set another."),
    tmp: size.default("64Mi").describe("Size of `/tmp`, the only place it can write to beside its volumes."),
    oneShot: z.boolean().default(false).describe("Runs to its end at each change, instead of for ever."),
    stopGrace: duration.default("10s").describe("How long it may take to stop."),
    drain: drain.optional(),
    dump: dump.optional(),
  })
  .describe("One container. The part `main` has the service's name, another is `<service>-<part>`.");

const checked = {
  part: name.default("main").describe("Part whose endpoint it is."),
  endpoint: name.describe("Name of the endpoint."),
};
const checkSchema = z
  .strictObject({
    summary: text.min(1).describe("What it proves, in a few words."),
    every: checkInterval.default("30s").describe("Time between two checks, at most a day."),
    timeout: duration.default("10s").describe("When it counts as failed."),
    http: z
      .strictObject({
        ...checked,
        path: path.describe("Path that is asked for."),
        status: z.int().min(100).max(599).default(200).describe("Status that is right."),
      })
      .optional()
      .describe("An HTTP request; either this or `tcp`."),
    tcp: z.strictObject(checked).optional().describe("A connection that is accepted; either this or `http`."),
  })
  .describe("A functional check, run by the core.");

/** A service as a YAML or JSON file. */
export const serviceFile = z
  .strictObject({
    name: name.describe("Its name in the stack, and its host name in the network."),
    summary: text.min(1).describe("One sentence that says what it is for."),
    version: text.min(1).describe("The product's version."),
    owner: text.default("platform").describe("Who answers for it."),
    backup: text.min(1).describe("What saves its state, in a sentence."),
    needs: z.record(name, need).default({}).describe("What it asks the platform for, by a name of its own."),
    parts: z
      .record(name, part)
      .refine((parts) => Object.keys(parts).length > 0, { error: "at least one part" })
      .describe("The containers that it is made of."),
    checks: z.record(name, checkSchema).default({}).describe("What is checked of it."),
    alerts: z.array(alert).default([]).describe("What Prometheus warns of."),
  })
  .describe("A service of the platform.");

/** A service file that is right in itself. */
export type ServiceFileContent = z.output<typeof serviceFile>;
