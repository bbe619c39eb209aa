import { describe, expect, test } from "vitest";
import { declare } from "../../../../src/declare.ts";
import { edgesOf } from "../../../../src/model/edges.ts";
import { tryKubectl } from "../../support/cluster.ts";
import type { Stage } from "../../support/stage.ts";

/**
 * Every workload tries to connect to every port of every other: one process in each, many connections at
 * once.
 */
const probe = `
import asyncio, json, sys
async def tries(host, port):
    try:
        _, w = await asyncio.wait_for(asyncio.open_connection(host, port), 2)
        w.close()
        return True
    except ConnectionRefusedError:
        return True
    except Exception:
        return False
async def main():
    wanted = json.loads(sys.argv[1])
    found = await asyncio.gather(*[tries(h, p) for h, p in wanted])
    print(json.dumps([[h, p] for (h, p), ok in zip(wanted, found) if ok]))
asyncio.run(main())
`;
/** Images that have an interpreter to ask with. */
const hasPython = ["python", "spark", "notebook", "dashboard"];

/** `pairs`: the least that there is to try. */
export function kubernetesNetwork(stage: Stage, pairs = 100): void {
  describe("network rules, tried from inside the pods", () => {
    test("every edge of the model works, and every other pair is refused", () => {
      const { model } = declare(stage.project.root, stage.project.stack);
      const workloads = model.services.flatMap((s) => s.workloads).filter((w) => !w.oneShot);
      const targets = workloads.flatMap((w) =>
        [...new Set(w.endpoints.map(({ port }) => port))].map((port) => [w.name, port] as const),
      );
      const edges = edgesOf(model);
      const wrong: string[] = [];
      let tried = 0;
      for (const from of workloads.filter((w) => hasPython.includes(w.image))) {
        const wanted = targets.filter(([to]) => to !== from.name);
        const ran = tryKubectl(
          "exec",
          `${from.volumes.length > 0 ? "statefulset" : "deployment"}/${from.name}`,
          "--",
          ...["python", "-c", probe, JSON.stringify(wanted)],
        );
        if (ran.status !== 0) throw new Error(`${from.name}: ${ran.stderr}`);
        const open = new Set(
          (JSON.parse(ran.stdout) as [string, number][]).map(([to, port]) => `${to}:${port}`),
        );
        for (const [to, port] of wanted) {
          tried++;
          const allowed = edges.some((e) => e.from === from.name && e.to === to && e.port === port);
          if (allowed !== open.has(`${to}:${port}`))
            wrong.push(`${from.name} -> ${to}:${port} ${allowed ? "should work" : "should be refused"}`);
        }
      }
      expect(wrong).toEqual([]);
      expect(tried).toBeGreaterThanOrEqual(pairs);
    });
  });
}
