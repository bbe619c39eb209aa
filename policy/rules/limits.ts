import { containersOf, docker, isStarted, podOf, type Resource, type ResourceRule, show } from "./rule.ts";

export const limits: ResourceRule = {
  name: "limits",
  summary: "Every container has a memory limit and a CPU share.",
  check(resource) {
    const { type, props } = resource;
    if (type === docker.container) {
      if (!isStarted(resource)) return [];
      const { memory, memorySwap, cpuShares } = props;
      return [
        ...(memory > 0 ? [] : [`expected a memory limit, received ${show(memory)}`]),
        ...(memorySwap === memory
          ? []
          : [`expected no swap beyond the memory limit, received memorySwap ${show(memorySwap)}`]),
        ...(cpuShares > 0 ? [] : [`expected a CPU share, received cpuShares ${show(cpuShares)}`]),
      ];
    }
    const pod = podOf(resource);
    return (pod ? containersOf(pod) : []).flatMap(({ name, resources = {} }) => [
      ...(resources.limits?.memory ? [] : [`container ${name}: expected limits.memory, received none`]),
      ...(resources.requests?.memory ? [] : [`container ${name}: expected requests.memory, received none`]),
      ...(resources.requests?.cpu ? [] : [`container ${name}: expected requests.cpu, received none`]),
    ]);
  },
};

export const probes: ResourceRule = {
  name: "probes",
  summary: "Every long-running container has a health check.",
  check(resource) {
    const { type, props } = resource;
    if (type === docker.container) {
      if (!isStarted(resource) || props.mustRun === false) return [];
      return (props.healthcheck?.tests ?? []).length > 0 ? [] : ["expected a health check, received none"];
    }
    if (!isLasting(resource)) return [];
    const containers = (podOf(resource)?.containers ?? []) as { name: string; readinessProbe?: object }[];
    return containers
      .filter(({ readinessProbe }) => !readinessProbe)
      .map(({ name }) => `container ${name}: expected a readinessProbe, received none`);
  },
};

const isLasting = ({ type }: Resource): boolean =>
  /^kubernetes:apps\/v1:(?:Deployment|StatefulSet|DaemonSet)$/.test(type);
