import { curl } from "../model/curl.ts";
import { json } from "../model/refs.ts";
import { defineService } from "../model/service.ts";
import { blackboxConfig, probedAddresses } from "../monitoring/scrape.ts";

export const blackboxExporter = defineService({
  name: "blackbox-exporter",
  summary: "Probes every endpoint inside the network for availability and response time.",
  version: "0.23.0",
  needs: {},
  parts: {
    main: {
      image: "services",
      command: () => [
        "prometheus-blackbox-exporter",
        "--config.file=/run/datalab/blackbox.json",
        "--web.listen-address=0.0.0.0:9115",
        "--log.level=error",
      ],
      env: () => ({ GOMEMLIMIT: "24MiB", GOMAXPROCS: "1" }),
      files: ({ cluster, platform }) => ({
        "blackbox.json": JSON.stringify(blackboxConfig, undefined, 1),
        // It is asked by Prometheus what to probe; a cluster's network rules are made of what it is told
        // here.
        ...(cluster && { "targets.json": json(probedAddresses(platform)) }),
      }),
      endpoints: {
        probe: { port: 9115, protocol: "http", summary: "probes of endpoints", path: "/-/healthy" },
      },
      metrics: { main: { endpoint: "probe", every: "30s" } },
      probe: {
        command: curl("http://127.0.0.1:9115/-/healthy"),
        within: "20s",
      },
      resources: { cpu: "25m", memory: "64Mi" },
      tmp: "16Mi",
    },
  },
  checks: {
    probes: {
      summary: "A probe of itself succeeds.",
      every: "60s",
      run: async ({ endpoints, signal }) => {
        const own = endpoints["main.probe"];
        const target = encodeURIComponent(`${own}/-/healthy`);
        const answer = await fetch(`${own}/probe?module=http&target=${target}`, { signal });
        if (!/^probe_success 1$/m.test(await answer.text())) throw new Error("a probe of itself failed");
        return undefined;
      },
    },
  },
  backup: "none: it holds no state",
});
