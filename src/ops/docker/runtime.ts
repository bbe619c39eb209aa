import { setTimeout as sleep } from "node:timers/promises";
import { DatalabError } from "../../errors.ts";
import { labelNames, spawnedRole } from "../../model/names.ts";
import { lastLines } from "../process.ts";
import type { Instance, LogLine, LogOptions, Runtime } from "../target.ts";
import { dockerJson, dockerLines, dockerRun, dockerStream } from "./cli.ts";
import { dockerHomes } from "./homes.ts";

/** Loads the workload's environment, secrets included, which `docker exec` alone does not have. */
const start = "datalab-start";

export const dockerRuntime: Runtime = {
  homes: dockerHomes,

  async exec(instance, command, options) {
    const { timeoutSeconds, signal, ...given } = options;
    const signals = [
      ...(signal ? [signal] : []),
      ...(timeoutSeconds === undefined ? [] : [AbortSignal.timeout(timeoutSeconds * 1000)]),
    ];
    const ran = await dockerRun(["exec", "-i", instance, start, ...command], {
      input: "",
      ...given,
      // The terminal's Ctrl-C would end docker's client, and with it the way to what it runs.
      ownGroup: signal !== undefined,
      ...(signals.length > 0 && { signal: AbortSignal.any(signals) }),
    });
    if (ran.code !== 0 && /no such container|is not running|is restarting/i.test(ran.stderr)) {
      throw new DatalabError("E_WORKLOAD_DOWN", `The container ${instance} is not running.`, {
        hint: "./datalab platform status",
      });
    }
    return ran;
  },

  async logs(instance, options, onLine) {
    let last = "";
    const take = (text: string, stream: LogLine["stream"]) => {
      const space = text.indexOf(" ");
      const at = space < 0 ? text : text.slice(0, space);
      if (!/^\d{4}-\d\d-\d\dT/.test(at)) {
        if (stream === "stderr") failures.push(text);
        return;
      }
      last = at;
      onLine({ at, stream, line: space < 0 ? "" : text.slice(space + 1) });
    };
    const failures: string[] = [];
    let resumed = false;
    for (;;) {
      const from = resumed && last !== "" ? last : undefined;
      // What was printed last has this very time stamp: it is not printed again.
      const once: typeof take = (text, stream) => {
        if (from === undefined || !text.startsWith(`${from} `)) take(text, stream);
      };
      const code = await dockerStream(logArguments(instance, options, from), once, options.signal);
      if (options.signal.aborted) return;
      if (code !== 0 && /no such container/i.test(failures.join("\n"))) {
        throw new DatalabError("E_WORKLOAD_DOWN", `There is no container ${instance}.`, {
          hint: "./datalab platform status",
        });
      }
      if (!options.follow) return;
      // Docker ends the stream when the container stops; it may well come back.
      resumed = true;
      await sleep(500, undefined, { signal: options.signal }).catch(() => {});
    }
  },

  async instances(stack) {
    const filter = `label=${labelNames.stack}=${stack}`;
    const { stdout } = await dockerRun(["ps", "--all", "--quiet", "--no-trunc", "--filter", filter]);
    const ids = stdout.split("\n").filter((id) => id !== "");
    if (ids.length === 0) return [];
    return (await dockerJson<Inspected>(["inspect", "--type", "container", ...ids]))
      .filter(({ Config, State }) => {
        const role = Config.Labels?.[labelNames.role];
        // What a service has started itself counts while it runs; nobody but that service starts it again.
        return role === undefined || (role === spawnedRole && State.Status === "running");
      })
      .map(toInstance);
  },

  async owners(stack) {
    const labels = [labelNames.installation, labelNames.origin].map((label) => `{{.Label "${label}"}}`);
    const filter = `label=${labelNames.stack}=${stack}`;
    const lines = await dockerLines(["ps", "--all", "--filter", filter, "--format", labels.join("\t")]);
    return [...new Set(lines)].flatMap((line) => {
      const [installation, origin] = line.split("\t");
      return installation ? [{ installation, ...(origin && { origin }) }] : [];
    });
  },

  async start(instance) {
    const { code, stderr } = await dockerRun(["start", instance]);
    if (code === 0) return;
    const gone = /no such container/i.test(stderr);
    throw new DatalabError(
      gone ? "E_WORKLOAD_DOWN" : "E_DOCKER",
      gone ? `There is no container ${instance}.` : `${instance} can't start: ${lastLines(stderr, 2)}`,
      { hint: gone ? "./datalab up creates it." : "Fix the reason that Docker gives and start it again." },
    );
  },

  async rerun(instance) {
    const { code, stdout, stderr } = await dockerRun(["start", "--attach", instance]);
    if (code === 0) return;
    throw new DatalabError(
      "E_JOB_FAILED",
      `${instance} ended with ${code}: ${lastLines(`${stdout}\n${stderr}`, 4)}`,
      { hint: `docker logs ${instance}` },
    );
  },

  async stop(instance, graceSeconds) {
    const { code, stderr } = await dockerRun(["stop", "--time", String(graceSeconds), instance]);
    // What removes itself at its end is as stopped as can be.
    if (code !== 0 && !/no such container/i.test(stderr)) {
      throw new DatalabError("E_DOCKER", `${instance} can't be stopped: ${lastLines(stderr, 2)}`);
    }
  },
};

function logArguments(
  instance: string,
  { follow, tail, since }: LogOptions,
  from: string | undefined,
): string[] {
  const args = ["logs", "--timestamps"];
  if (follow) args.push("--follow");
  if (from !== undefined) args.push("--since", from);
  else {
    if (tail !== undefined) args.push("--tail", String(tail));
    if (since !== undefined) args.push("--since", since);
  }
  return [...args, instance];
}

/** The part of `docker inspect` that matters here. */
export interface Inspected {
  readonly Name: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string } | null;
  };
}

export function toInstance({ Name, Config, State }: Inspected): Instance {
  const labels = Config.Labels ?? {};
  const oneShot = labels[labelNames.oneShot] === "true";
  const name = Name.replace(/^\//, "");
  const health = State.Health?.Status;
  const running = State.Status === "running";
  const ended = State.Status === "exited";
  const healthy = health === undefined || health === "" || health === "none" || health === "healthy";
  return {
    name,
    service: labels[labelNames.service] ?? name,
    workload: labels[labelNames.workload] ?? name,
    oneShot,
    ok: oneShot ? running || (ended && State.ExitCode === 0) : running && healthy,
    stopped: ended && !oneShot,
    state: ended ? `exited with ${State.ExitCode}` : healthy ? State.Status : `${State.Status} (${health})`,
  };
}
