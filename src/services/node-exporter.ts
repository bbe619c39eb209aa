import { curl } from "../model/curl.ts";
import { type CheckContext, defineService } from "../model/service.ts";

/** Only what alerts and dashboards read. The disk is the one that containers stand on: its own root's. */
const collectors = [
  "cpu",
  "meminfo",
  "loadavg",
  "filesystem",
  "diskstats",
  "netdev",
  "uname",
  "time",
  "vmstat",
];

async function measures({ endpoints, signal }: CheckContext): Promise<string | undefined> {
  const answer = await fetch(`${endpoints["main.metrics"]}/metrics`, { signal });
  const text = await answer.text();
  const failed = [...text.matchAll(/^node_scrape_collector_success\{collector="(\w+)"\} 0$/gm)];
  if (failed.length > 0) throw new Error(`it can't read ${failed.map(([, name]) => name).join(", ")}`);
  for (const needed of [
    /^node_cpu_seconds_total\{/m,
    /^node_memory_MemAvailable_bytes /m,
    // Whatever containers' roots are made of here: overlay as a rule, with some engines a device or a copy.
    /^node_filesystem_avail_bytes\{.*mountpoint="\/"/m,
  ]) {
    if (!needed.test(text)) throw new Error(`it does not report ${/\w+/.exec(needed.source)?.[0]}`);
  }
  return undefined;
}

export const nodeExporter = defineService({
  name: "node-exporter",
  summary: "Metrics of its machine: CPUs, memory, disk, network.",
  version: "1.5.0",
  needs: {},
  parts: {
    main: {
      image: "services",
      command: () => [
        "prometheus-node-exporter",
        "--web.listen-address=0.0.0.0:9100",
        "--collector.disable-defaults",
        ...collectors.map((name) => `--collector.${name}`),
        // Of a container's mounts only its root is worth a look, and its type is left out by default.
        "--collector.filesystem.fs-types-exclude=^(proc|sysfs|tmpfs|devpts|mqueue|cgroup2?)$",
        "--collector.filesystem.mount-points-exclude=^/.+",
        "--collector.netdev.device-exclude=^(lo|veth.*|br-.*)$",
        "--collector.diskstats.device-exclude=^(ram|loop|fd|nbd|sr|(h|s|v|xv)d[a-z]+|nvme\\d+n\\d+p)\\d+$",
        "--web.disable-exporter-metrics",
        "--log.level=error",
      ],
      env: () => ({ GOMEMLIMIT: "20MiB", GOMAXPROCS: "1" }),
      endpoints: { metrics: { port: 9100, protocol: "http", summary: "metrics of the machine" } },
      metrics: { main: { endpoint: "metrics" } },
      probe: {
        command: curl("http://127.0.0.1:9100/", { discard: true }),
        within: "20s",
      },
      resources: { cpu: "25m", memory: "64Mi" },
      tmp: "16Mi",
    },
  },
  checks: {
    measures: { summary: "CPU, memory and disk are measured.", every: "60s", run: measures },
  },
  backup: "none: it holds no state",
});
