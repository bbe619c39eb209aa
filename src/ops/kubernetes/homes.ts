import { joinName, labelNames, spawnedRole } from "../../model/names.ts";
import { homeGone, homeRole, openSeconds } from "../homes.ts";
import type { HomeHost, Homes } from "../target.ts";
import type { Cluster } from "./api.ts";
import { ensureClaim, type NewClaim } from "./claims.ts";
import { execInPod } from "./exec.ts";
import { podSpec, waitingPod } from "./helper-pod.ts";
import { type Claim, mainContainer, type Pod, paths } from "./objects.ts";
import { existing } from "./scale.ts";
import { isReady } from "./state.ts";

/** As src/notebooks/hub/configure_pods.py names the claims. */
const prefix = "home-";

/** Homes as claims; where one is in use its own pod is asked, for a claim may be held by one node. */
export function kubernetesHomes(cluster: Cluster): HomeHost {
  return {
    async list(homes) {
      const claims = await cluster.list<Claim>(paths.claims(cluster.target.namespace), {
        labelSelector: selector(homes, "data"),
      });
      return claims
        .map(({ metadata }) => metadata.name)
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length))
        .sort();
    },

    async open(homes, name, { make }) {
      const claim = `${prefix}${name}`;
      const there = await cluster.get<Claim>(`${paths.claims(cluster.target.namespace)}/${claim}`);
      if (!make && !there) throw homeGone(name);
      const user = (await podsOf(cluster, homes, spawnedRole)).find(
        (pod) => isReady(pod) && uses(pod, claim),
      );
      const inside = user && mainContainer(user);
      if (user && inside !== undefined) {
        return {
          run: (command, options = {}) => execInPod(cluster, user.metadata.name, inside, command, options),
          close: async () => {},
        };
      }
      const found = await existing(cluster, homes.stack, homes.workload, "Deployment");
      const image = found.spec.template?.spec?.containers[0]?.image ?? "";
      if (!there) await ensureClaim(cluster, homeClaim(homes, claim));
      const spec = podSpec(found, [{ name: "home", path: homes.path, claim }], image, {
        command: ["sleep", String(openSeconds)],
      });
      // It speaks with nobody, and `sleep` does not listen.
      const quiet = { ...spec, automountServiceAccountToken: false, terminationGracePeriodSeconds: 1 };
      const pod = joinName(homes.key, name, homeRole);
      return waitingPod(cluster, pod, labelsOf(homes, homeRole), quiet, "E_HOME_START");
    },
  };
}

/** The workload is the one that a notebook's pod has: no Service finds it. */
const labelsOf = ({ stack, service, workload, key }: Homes, ofRole: string) => ({
  [labelNames.stack]: stack,
  [labelNames.service]: service,
  [labelNames.workload]: joinName(workload, key),
  [labelNames.role]: ofRole,
});

const selector = ({ stack, service }: Homes, ofRole: string): string =>
  [`${labelNames.stack}=${stack}`, `${labelNames.service}=${service}`, `${labelNames.role}=${ofRole}`].join(
    ",",
  );

const podsOf = (cluster: Cluster, homes: Homes, ofRole: string) =>
  cluster.list<Pod>(paths.pods(cluster.target.namespace), { labelSelector: selector(homes, ofRole) });

const uses = ({ spec }: Pod, claim: string): boolean =>
  spec?.volumes?.some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === claim) ?? false;

/** A claim as the hub would make it. */
const homeClaim = (homes: Homes, name: string): NewClaim => ({
  name,
  labels: labelsOf(homes, "data"),
  size: String(homes.sizeBytes),
  ...(homes.storageClass !== null && { spec: { storageClassName: homes.storageClass } }),
});
