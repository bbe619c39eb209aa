import { setTimeout as sleep } from "node:timers/promises";
import { kubectl } from "./cluster.ts";

export const nodeCount = 500;
const nodeLabel = "datalab.bench";
let realNodes: string[] = [];

function nodes(selector: string): string[] {
  return kubectl(["get", "nodes", "--selector", selector, "--output", "name"]).split("\n").filter(Boolean);
}

/**
 * Fake nodes of the bench's own: they have a disk to promise, and no taint. Real ones take no pods meanwhile.
 */
export async function openNodes(): Promise<void> {
  const room = { cpu: "32", memory: "256Gi", "ephemeral-storage": "1Ti", pods: "110" };
  const items = Array.from({ length: nodeCount }, (_, n) => {
    const name = `scale-${String(n + 1).padStart(4, "0")}`;
    return {
      apiVersion: "v1",
      kind: "Node",
      metadata: {
        name,
        annotations: { "kwok.x-k8s.io/node": "fake" },
        labels: { [nodeLabel]: "node", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" },
      },
      status: { allocatable: room, capacity: room },
    };
  });
  realNodes = nodes(`type!=kwok,!${nodeLabel}`);
  kubectl(["cordon", ...realNodes]);
  // As many as one call may bring.
  for (let n = 0; n < items.length; n += 100) {
    const list = { apiVersion: "v1", kind: "List", items: items.slice(n, n + 100) };
    kubectl(["create", "--filename", "-"], JSON.stringify(list));
  }
  const deadline = performance.now() + 60_000;
  const states = '{range .items[*].status.conditions[?(@.type=="Ready")]}{.status}{"\\n"}{end}';
  for (;;) {
    const ready = kubectl(["get", "nodes", "--selector", nodeLabel, "--output", `jsonpath=${states}`]);
    const count = ready.split("\n").filter((state) => state === "True").length;
    if (count === nodeCount) return;
    if (performance.now() > deadline)
      throw new Error(`${count} of ${nodeCount} fake nodes are ready: kwok manages none with its annotation`);
    await sleep(1_000);
  }
}

export function closeNodes(): void {
  try {
    // All in one call: kubectl would ask for one after the other.
    kubectl(["delete", "--raw", `/api/v1/nodes?labelSelector=${nodeLabel}`]);
  } finally {
    // None when opening them has failed before: kubectl would complain of that and hide why.
    if (realNodes.length > 0) kubectl(["uncordon", ...realNodes]);
  }
}
