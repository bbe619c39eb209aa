/**
 * The whole platform in a real Kubernetes cluster. Needs one: DATALAB_TEST_CONTEXT names its context of
 * $KUBECONFIG, and DATALAB_TEST_REGISTRY a registry that its nodes take images from; without them all of it
 * is skipped, loudly.
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { kubernetesChanges } from "./chapters/kubernetes/changes.ts";
import { kubernetesData } from "./chapters/kubernetes/data.ts";
import { inWholeStack, kubernetesDrift } from "./chapters/kubernetes/drift.ts";
import { kubernetesEnding } from "./chapters/kubernetes/ending.ts";
import { kubernetesNetwork } from "./chapters/kubernetes/network.ts";
import { kubernetesNotebooks } from "./chapters/kubernetes/notebooks.ts";
import { kubernetesScaling } from "./chapters/kubernetes/scaling.ts";
import { kubernetesUp } from "./chapters/kubernetes/up.ts";
import { kubernetesWork } from "./chapters/kubernetes/work.ts";
import { inCluster, testCluster } from "./support/cluster.ts";
import { onlyOne, theCluster } from "./support/only-one.ts";
import { Stage } from "./support/stage.ts";

if (!testCluster) {
  console.warn(
    "! SKIPPED: no cluster. DATALAB_TEST_CONTEXT and DATALAB_TEST_REGISTRY say where one is; see docs/testing.md.",
  );
}

describe.skipIf(!testCluster)("the whole platform on Kubernetes", { timeout: 900_000 }, () => {
  const stage = new Stage(inCluster);
  let letGo = () => {};

  beforeAll(async () => {
    letGo = await onlyOne(theCluster);
    await stage.open();
    const pushed = await stage.project.datalab("images", "push", "--to", testCluster?.registry ?? "");
    expect(pushed.code, pushed.stderr).toBe(0);
  }, 1_800_000);
  afterAll(async () => {
    await stage.close();
    letGo();
  }, 300_000);

  kubernetesUp(stage);
  kubernetesWork(stage);
  kubernetesNotebooks(stage);
  kubernetesNetwork(stage);
  kubernetesScaling();
  kubernetesChanges(stage);
  kubernetesDrift(stage, inWholeStack);
  kubernetesData(stage);
  kubernetesEnding(stage);
});
