import type * as k8s from "@pulumi/kubernetes";
import type { WorkloadModel } from "../../model/platform.ts";

type Rule = k8s.types.input.rbac.v1.PolicyRule;

const watch = ["get", "list", "watch"] as const;
const manage = [...watch, "create", "delete", "deletecollection", "patch", "update"] as const;
const rule = (apiGroup: string, resources: readonly string[], verbs: readonly string[]): Rule => ({
  apiGroups: [apiGroup],
  resources: [...resources],
  verbs: [...verbs],
});

/**
 * What a workload may do in its own namespace, and nowhere else; empty: it has nothing to say to the cluster.
 */
export function rulesOf({ host, spawns }: WorkloadModel): Rule[] {
  const rules: Rule[] = [];
  if (host.includes("containers") || spawns.length > 0) {
    rules.push(rule("", ["pods"], watch), rule("", ["pods/log"], ["get"]), rule("", ["events"], watch));
    rules.push(rule("events.k8s.io", ["events"], watch));
  }
  if (host.includes("containers")) rules.push(rule("metrics.k8s.io", ["pods"], ["get", "list"]));
  if (spawns.some(({ kind }) => kind === "Job")) {
    rules.push(rule("batch", ["jobs"], manage), rule("batch", ["jobs/status"], ["get"]));
    rules.push(rule("", ["pods"], ["delete"]));
  }
  if (spawns.some(({ kind }) => kind === "Pod")) {
    // Executors of Spark come with a ConfigMap each.
    rules.push(rule("", ["pods", "configmaps"], manage));
  }
  if (spawns.some(({ home }) => home !== null)) {
    rules.push(rule("", ["persistentvolumeclaims"], [...watch, "create", "delete", "patch"]));
  }
  if (spawns.some(({ ownSecrets }) => ownSecrets)) {
    // What only one of them knows: it makes and takes them away, and never reads one.
    rules.push(rule("", ["secrets"], ["create", "patch", "delete"]));
  }
  return rules;
}
