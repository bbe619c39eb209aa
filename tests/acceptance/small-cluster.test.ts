/**
 * A small stack in a real Kubernetes cluster, in every test run: it is promoted from Docker, works, is found
 * changed and repaired, and ends. The whole platform in a cluster is kubernetes.all.test.ts.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onlyInAll } from "../support/tier.ts";
import { inSmallStack, kubernetesDrift } from "./chapters/kubernetes/drift.ts";
import { kubernetesDown } from "./chapters/kubernetes/ending.ts";
import { kubernetesNetwork } from "./chapters/kubernetes/network.ts";
import { nothingToChange, restricted } from "./chapters/kubernetes/up.ts";
import { kubernetesFlights } from "./chapters/kubernetes/work.ts";
import { domain, namespace, platformAt, testCluster } from "./support/cluster.ts";
import { onlyOne, theCluster } from "./support/only-one.ts";
import { must, Project } from "./support/project.ts";
import { ReleaseStage } from "./support/release-stage.ts";
import { onDemand, Stage } from "./support/stage.ts";

if (!testCluster) console.warn("! SKIPPED: no cluster for the small stack; see docs/testing.md.");

const source = "rel3";
/** The whole platform's stack in the cluster has the same name: the two are never there at the same time. */
const target = "acck";
const services = ["core", "postgres", "object-store", "prefect", "gateway", "dashboard"];
const workloads = [
  ...["core", "dashboard", "gateway", "object-store", "postgres", "prefect", "prefect-worker", "toy"],
];

interface Pods {
  readonly items: readonly {
    readonly metadata: {
      readonly labels: Readonly<Record<string, string>>;
      readonly deletionTimestamp?: string;
    };
    readonly status: { readonly phase: string };
    readonly spec: { readonly containers: readonly { readonly image: string }[] };
  }[];
}

/** The digest of an image's configuration in its registry, which Docker calls the image's id. */
async function configOf(image: string): Promise<string> {
  const [, host, path, digest] = /^([^/]+)\/(.+)@(sha256:[0-9a-f]{64})$/.exec(image) ?? [];
  const kinds = ["vnd.docker.distribution.manifest.v2+json", "vnd.oci.image.manifest.v1+json"];
  const answer = await fetch(`http://${host}/v2/${path}/manifests/${digest}`, {
    headers: { accept: kinds.map((kind) => `application/${kind}`).join(", ") },
  });
  if (!answer.ok) throw new Error(`the registry answered ${answer.status} for ${image}`);
  return ((await answer.json()) as { config: { digest: string } }).config.digest;
}

describe.skipIf(!testCluster)("a small stack on Kubernetes", { timeout: 600_000 }, () => {
  const { registry = "", context = "" } = testCluster ?? {};
  const stage = new ReleaseStage({
    source,
    target,
    portOffset: 3_000,
    services,
    platform: { pipelines: onDemand },
    targetPlatform: { ...platformAt(domain), images: { source: "registry", registry } },
  });
  /** The same, as the chapters on a cluster know it. */
  const cluster = new Stage({ stack: target, portOffset: 0 });
  const targetFile = () => readFileSync(stage.project.path(`Pulumi.${target}.yaml`), "utf8");
  const run = async (stack: string, command: string) => {
    const ran = await stage.on(stack, command);
    expect(ran.code, ran.stderr).toBe(0);
    return ran;
  };
  /** The image of every workload's pod. */
  const pods = (): Map<string, string> => {
    const args = ["--context", context, "--namespace", namespace, "get", "pods", "--output", "json"];
    const { items } = JSON.parse(must(stage.project.root, "kubectl", args)) as Pods;
    return new Map(
      items
        // What has ended, and what services have started, comes and goes.
        .filter(({ metadata, status }) => !metadata.deletionTimestamp && status.phase === "Running")
        .filter(({ metadata }) => !metadata.labels["datalab.role"])
        .map(({ metadata, spec }) => [
          metadata.labels["datalab.workload"] ?? "",
          spec.containers[0]?.image ?? "",
        ]),
    );
  };

  let letGo = () => {};
  beforeAll(async () => {
    letGo = await onlyOne(theCluster);
    await stage.open();
    await cluster.use(new Project(target, stage.project));
  }, 1_800_000);
  afterAll(async () => {
    await stage.close();
    letGo();
  }, 300_000);

  describe("promoted from Docker", () => {
    test("takes what runs: the very images, and neither sizes nor secrets", async () => {
      await run(source, "up");
      stage.commit("what the first up noted in the stack's file");
      await run(source, "up");
      await run("", `promote ${source} ${target} --yes`);
      const inCluster = pods();
      expect([...inCluster.keys()].sort()).toEqual(workloads);
      for (const [workload, image] of inCluster) {
        const id = stage.project.docker(
          "inspect",
          "--format",
          "{{.Image}}",
          stage.container(source, workload),
        );
        expect(await configOf(image), workload).toBe(id.trim());
      }
      expect(targetFile()).toContain("# The stack at 3500.\n");
      expect(targetFile()).toContain("# all of them\n");
      const secret = async (stack: string) =>
        (await stage.json<{ value: string }>(stack, "secrets show postgres/admin")).value;
      expect(await secret(target)).not.toBe(await secret(source));
      const { promoted } = await stage.json<{ promoted: { from: string } }>(target, "release show");
      expect(promoted.from).toBe(source);
    });

    test("is refused while the source is not well", async () => {
      const before = targetFile();
      stage.project.docker("stop", "--time", "1", stage.container(source, "toy"));
      try {
        const ran = await stage.on("", `promote ${source} ${target} --yes`);
        expect(ran.code).toBe(1);
        expect(ran.stderr).toContain("\u2716 health: toy is stopped");
        expect(targetFile()).toBe(before);
      } finally {
        stage.project.docker("start", stage.container(source, "toy"));
      }
    });

    onlyInAll(() =>
      test("is taken back, pods and all", async () => {
        await run(source, "services start --all");
        const off = "node-exporter:\n        enabled: false";
        stage.edit(`Pulumi.${source}.yaml`, off, off.replace("false", "true"));
        stage.commit("one service more");
        await run(source, "up");
        const before = targetFile();
        await run("", `promote ${source} ${target} --yes`);
        expect([...pods().keys()]).toContain("node-exporter");
        await run("", `promote --rollback ${target} --yes`);
        expect([...pods().keys()]).not.toContain("node-exporter");
        expect(targetFile()).toBe(before);
      }),
    );
  });

  describe("up in a cluster", () => {
    nothingToChange(cluster);
    restricted(cluster);
  });
  kubernetesFlights(cluster);
  kubernetesNetwork(cluster, 24);
  kubernetesDrift(cluster, inSmallStack);
  kubernetesDown(cluster);
});
