import { labelNames } from "../model/names.ts";
import type { Container } from "./containers.ts";
import type { ShippingState } from "./shipper.ts";
import type { ContainerSource, Usage } from "./source.ts";
import type { ProxyCounts } from "./spawner.ts";

export interface MetricSources {
  readonly stack: string;
  readonly source: ContainerSource;
  readonly shipping: ShippingState | undefined;
  readonly proxy: ProxyCounts | undefined;
}

type Labels = Readonly<Record<string, string>>;
type Series = readonly (readonly [labels: Labels, value: number])[];

/** Metrics of a running container: name, kind, help, value. */
const measured: readonly (readonly [
  string,
  "counter" | "gauge",
  string,
  (usage: Usage) => number | undefined,
])[] = [
  ["cpu_seconds_total", "counter", "CPU time used since the container started.", (u) => u.cpuSeconds],
  ["memory_bytes", "gauge", "Memory in use that can't be dropped.", (u) => u.workingSetBytes],
  ["memory_limit_bytes", "gauge", "Memory that it may use.", (u) => u.limitBytes],
  ["network_receive_bytes_total", "counter", "Bytes received.", (u) => u.receivedBytes],
  ["network_transmit_bytes_total", "counter", "Bytes sent.", (u) => u.sentBytes],
  ["block_read_bytes_total", "counter", "Bytes read from disks.", (u) => u.readBytes],
  ["block_write_bytes_total", "counter", "Bytes written to disks.", (u) => u.writtenBytes],
  ["processes", "gauge", "Processes and threads.", (u) => u.processes],
];
const states = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

/** Everything that Prometheus scrapes here, in its text format. */
export async function metricsText(sources: MetricSources): Promise<string> {
  const { source, shipping, proxy, stack } = sources;
  const usage = await source.usage();
  const all = source.containers.all;
  const lines: string[] = [];
  const write = (name: string, kind: string, help: string, series: Series) => {
    if (series.length === 0) return;
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
    for (const [labels, value] of series) lines.push(`${name}${labelText(labels)} ${value}`);
  };
  const each = (name: string, kind: string, help: string, value: (c: Container) => number | undefined) =>
    write(
      `datalab_container_${name}`,
      kind,
      help,
      all.flatMap((c) => {
        const found = value(c);
        return found === undefined ? [] : [[labelsOf(c), found] as const];
      }),
    );

  for (const [name, kind, help, value] of measured) {
    each(name, kind, help, (c) => {
      const found = usage.get(c.id);
      return found && value(found);
    });
  }
  each("running", "gauge", "1 while the container runs.", (c) => (c.running ? 1 : 0));
  each("healthy", "gauge", "1 while its probe passes; absent without one.", ({ running, healthy }) =>
    healthy === null || !running ? undefined : healthy ? 1 : 0,
  );
  each("restarts_total", "counter", "Times that it was started again after it ended.", (c) => c.restarts);
  each("oom_events_total", "counter", "Times that memory ran out, as the agent saw it.", (c) => c.oomKills);
  each("start_time_seconds", "gauge", "When it started last, as a Unix time.", ({ startedAt }) => {
    const at = Date.parse(startedAt);
    return at > 0 ? at / 1000 : undefined;
  });
  each("exit_code", "gauge", "How it ended; absent while it runs or was never started.", (c) =>
    c.state === "exited" || c.state === "dead" ? c.exitCode : undefined,
  );
  write(
    "datalab_container_state",
    "gauge",
    "1 for the state the container is in, 0 for the others.",
    all.flatMap((c) =>
      states.map((state) => [{ ...labelsOf(c), state }, c.state === state ? 1 : 0] as const),
    ),
  );
  write(
    "datalab_volume_size_bytes",
    "gauge",
    "Content of a volume, measured every few minutes.",
    [...source.volumes()]
      .filter(([, { labels }]) => labels[labelNames.stack] === stack)
      .map(([volume, { bytes, labels }]) => [
        { volume, service: labels[labelNames.service] ?? "", role: labels[labelNames.role] ?? "" },
        bytes,
      ]),
  );
  write(
    "datalab_agent_usage_measured",
    "gauge",
    "1 while CPU and memory usage of containers can be measured.",
    [[{}, source.measures ? 1 : 0]],
  );
  if (shipping) writeShipping(shipping, write);
  if (proxy) {
    write(
      "datalab_agent_door_requests_total",
      "counter",
      "Requests to the Docker proxy, by result.",
      Object.entries(proxy).map(([result, count]) => [{ result }, count] as const),
    );
  }
  write("process_resident_memory_bytes", "gauge", "Memory of the agent.", [[{}, process.memoryUsage.rss()]]);
  write("process_cpu_seconds_total", "counter", "CPU time of the agent.", [[{}, cpuSeconds()]]);
  return `${lines.join("\n")}\n`;
}

function writeShipping(
  { lines, bytes, lastAt, up, failures, resumed }: ShippingState,
  write: (name: string, kind: string, help: string, series: Series) => void,
): void {
  const one = (name: string, kind: string, help: string, value: number) =>
    write(`datalab_agent_log_${name}`, kind, help, [[{}, value]]);
  one("lines_total", "counter", "Log lines stored.", lines);
  one("bytes_total", "counter", "Characters of stored log lines, as JSON.", bytes);
  one("store_up", "gauge", "1 while the log store takes lines.", up ? 1 : 0);
  one("failures_total", "counter", "Times that shipping stopped because the store failed.", failures);
  one("resumes_total", "counter", "Times that shipping went on from what the store had.", resumed);
  if (lastAt !== "") {
    const help = "Time stamp of the newest stored line, as a Unix time.";
    one("last_line_timestamp_seconds", "gauge", help, Date.parse(lastAt) / 1000);
  }
}

const labelsOf = ({ service, workload, name }: Container): Labels => ({ service, workload, container: name });

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length > 0 ? `{${pairs.join(",")}}` : "";
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
