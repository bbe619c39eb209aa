import { describe, expect, test } from "vitest";
import { dockerRuntime } from "../../../src/ops/docker/runtime.ts";
import { connectCluster } from "../../../src/ops/kubernetes/api.ts";
import { runtimeIn } from "../../../src/ops/kubernetes/runtime.ts";
import { checkOwner } from "../../../src/ops/services/owner.ts";
import { readPlatform } from "../../../src/ops/services/platform.ts";
import type { Owner } from "../../../src/ops/target.ts";
import { standIn } from "../../support/programs.ts";
import { platform } from "../fixture-platform.ts";
import { standInCluster } from "../stand-in-cluster.ts";

const own = "0123456789abcdef";
const other: Owner = { installation: "fedcba9876543210", origin: "ann@laptop:/srv/lab" };
const deployed = { ...platform(), installation: own };
const running = (...owners: Owner[]) => Promise.resolve({ owners: async () => owners });

describe("a command that reads a stack", () => {
  test("is refused when another checkout has taken the stack over", async () => {
    await expect(checkOwner(deployed, () => running(other))).rejects.toMatchObject({
      code: "E_FOREIGN",
      exitCode: 2,
      message:
        "The stack dev belongs to another installation: fedcba9876543210, made by ann@laptop:/srv/lab. This checkout's is 0123456789abcdef. Nothing was read or changed.",
      hint: expect.stringContaining("./datalab platform adopt --stack dev"),
    });
  });

  test.each<[string, typeof deployed, () => ReturnType<typeof running>]>([
    ["its own", deployed, () => running({ installation: own }, { installation: own })],
    ["nothing, or says nothing of its owner", deployed, () => running()],
    ["deployed before there were ids", platform() as typeof deployed, () => running(other)],
    ["not to be asked", deployed, () => Promise.reject(new Error("Docker does not answer"))],
  ])("goes on where what runs is %s", async (_, found, runtime) => {
    await checkOwner(found, runtime);
  });
});

test("Docker's labels say whose a stack's containers are, and every reader of a stack asks", async () => {
  standIn(
    "docker",
    `if (args.includes("label=datalab.stack=dev")) console.log("fedcba9876543210\\tann@laptop:/srv/lab\\n\\t\\nfedcba9876543210\\tann@laptop:/srv/lab");`,
  );
  expect(await dockerRuntime.owners("dev")).toEqual([other]);
  expect(await dockerRuntime.owners("qa")).toEqual([]);
  standIn("pulumi", `console.log(${JSON.stringify(JSON.stringify(deployed))});`);
  await expect(readPlatform(".", "dev")).rejects.toMatchObject({ code: "E_FOREIGN" });
  // What a secret is, is in the state.
  expect(await readPlatform(".", "dev", { stateAlone: true })).toEqual(deployed);
});

test("so do those of a cluster's Deployments", async () => {
  const metadata = {
    name: "core",
    labels: {
      "app.kubernetes.io/managed-by": "datalab",
      "datalab.stack": "dev",
      "datalab.workload": "core",
      "datalab.installation": other.installation,
    },
    annotations: { "datalab.origin": other.origin ?? "" },
  };
  const { kubeconfig } = await standInCluster({
    "/apis/apps/v1/namespaces/lab/deployments": [{ metadata, spec: {} }],
  });
  const cluster = connectCluster({ context: "lab", kubeconfig, namespace: "lab" });
  expect(await runtimeIn(cluster, "dev").owners("dev")).toEqual([other]);
});
