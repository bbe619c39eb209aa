import { describe, expect, test } from "vitest";
import { kubectl, namespace } from "../../support/cluster.ts";
import type { Stage } from "../../support/stage.ts";
import { healthy } from "./up.ts";

interface Report {
  readonly items: readonly { readonly what: string; readonly kind: string; readonly name: string }[];
}

const patch = (kind: string, name: string, change: object) =>
  kubectl("patch", kind, name, "--type=merge", "--patch", JSON.stringify(change));

/** Another content of every file that it holds. */
function overwrite(kind: "configmap" | "secret", name: string): void {
  const { data } = JSON.parse(kubectl("get", kind, name, "--output", "json")) as { data: object };
  const other = kind === "secret" ? btoa("guessed") : "guessed";
  patch(kind, name, { data: Object.fromEntries(Object.keys(data).map((key) => [key, other])) });
}

/** What people do to a cluster when they are in a hurry, by what is said of it. */
type Changes = Readonly<Record<string, () => unknown>>;
const anyStack: Changes = {
  "changed Deployment dashboard": () =>
    kubectl("set", "resources", "deployment/dashboard", "--limits=memory=900Mi"),
  "changed Namespace namespace": () =>
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=baseline", "--overwrite"),
  "missing NetworkPolicy dashboard": () => kubectl("delete", "networkpolicy", "dashboard"),
  "missing PodDisruptionBudget gateway": () => kubectl("delete", "poddisruptionbudget", "gateway"),
  "changed ResourceQuota quota": () => patch("resourcequota", "stack", { spec: { hard: { pods: "500" } } }),
  "unknown ConfigMap stray": () => {
    kubectl("create", "configmap", "stray");
    kubectl("label", "configmap", "stray", `datalab.stack=${namespace.replace("datalab-", "")}`);
  },
  "foreign Secret stranger": () => kubectl("create", "secret", "generic", "stranger"),
};

/** In the stack that has but the toy beside the services that all others stand on. */
export const inSmallStack: Changes = {
  ...anyStack,
  "missing Deployment toy": () => kubectl("delete", "deployment", "toy"),
  "changed Service toy": () =>
    patch("service", "toy", { spec: { selector: { "datalab.workload": "nobody" } } }),
  "changed ConfigMap toy-config": () => overwrite("configmap", "toy-config"),
  "changed Secret dashboard-files": () => overwrite("secret", "dashboard-files"),
};

export const inWholeStack: Changes = {
  ...anyStack,
  "changed Deployment mlflow": () => kubectl("scale", "deployment/mlflow", "--replicas=0"),
  "changed Deployment spark-history": () =>
    kubectl("set", "image", "deployment/spark-history", "main=127.0.0.1:5000/nobody/knows:1"),
  "missing Deployment blackbox-exporter": () => kubectl("delete", "deployment", "blackbox-exporter"),
  "changed HorizontalPodAutoscaler prefect-worker": () =>
    patch("horizontalpodautoscaler", "prefect-worker", { spec: { maxReplicas: 5 } }),
  "changed Service spark-history": () =>
    patch("service", "spark-history", { spec: { selector: { "datalab.workload": "nobody" } } }),
  "changed ConfigMap alertmanager-config": () => overwrite("configmap", "alertmanager-config"),
  "changed Secret mlflow-files": () => overwrite("secret", "mlflow-files"),
};

export function kubernetesDrift(stage: Stage, byHand: Changes): void {
  const found = async () => {
    const ran = await stage.project.datalab("drift", "--json");
    const { items } = JSON.parse(ran.stdout || "{}") as Report;
    if (!items) throw new Error(ran.stderr);
    return { code: ran.code, items: items.map(({ what, kind, name }) => `${what} ${kind} ${name}`).sort() };
  };

  describe("drift in a cluster", () => {
    test("of all kinds, made by hand, is found", async () => {
      expect(await found()).toEqual({ code: 0, items: [] });
      for (const make of Object.values(byHand)) make();
      expect(await found()).toEqual({ code: 3, items: Object.keys(byHand).sort() });
    });

    test("is repaired, but for what is not the stack's", async () => {
      const ran = await stage.project.datalab("drift", "--repair", "--yes");
      expect(ran.code, ran.stderr).toBe(3);
      expect(await found()).toEqual({ code: 3, items: ["foreign Secret stranger"] });
      kubectl("delete", "secret", "stranger");
      await healthy(stage);
      expect(await found()).toEqual({ code: 0, items: [] });
    });
  });
}
