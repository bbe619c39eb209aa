import { type AddressInfo, createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { connectCluster } from "../../../src/ops/kubernetes/api.ts";
import { setVariable } from "../../support/programs.ts";
import { standInCluster, writeKubeconfig } from "../stand-in-cluster.ts";

const failure = async (work: () => unknown) => {
  try {
    await work();
  } catch (error) {
    const { code, message, exitCode, hint } = error as Record<string, unknown>;
    return { code, message, exitCode, hint };
  }
  throw new Error("it worked");
};

/** A port that nothing listens on. */
const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

describe("which cluster", () => {
  test("the current context is never taken: one that is not named is asked for", async () => {
    const kubeconfig = writeKubeconfig("http://127.0.0.1:1");
    expect(await failure(() => connectCluster({ context: null, kubeconfig, namespace: "lab" }))).toEqual({
      code: "E_CONTEXT",
      message: "The kubeconfig context of this cluster is not configured.",
      exitCode: 2,
      hint: "Set kubernetes.context in the stack's file; a tool such as aws eks update-kubeconfig creates the context.",
    });
  });

  test("an unknown context is answered with those that there are", async () => {
    const kubeconfig = writeKubeconfig("http://127.0.0.1:1");
    expect(await failure(() => connectCluster({ context: "prod", kubeconfig, namespace: "lab" }))).toEqual({
      code: "E_CONTEXT",
      message: `The kubeconfig ${kubeconfig} has no context "prod".`,
      exitCode: 2,
      hint: "It has lab, other. Set kubernetes.context, or kubernetes.kubeconfig, in the stack's file.",
    });
  });

  test("a kubeconfig that is not there is named, whoever has named it", async () => {
    expect(
      await failure(() =>
        connectCluster({ context: "lab", kubeconfig: "/nowhere/config", namespace: "lab" }),
      ),
    ).toMatchObject({ code: "E_KUBECONFIG", message: "The kubeconfig /nowhere/config does not exist." });
    setVariable("KUBECONFIG", "/nowhere/one:/nowhere/two");
    expect(
      await failure(() => connectCluster({ context: "lab", kubeconfig: null, namespace: "lab" })),
    ).toMatchObject({ message: "The kubeconfig /nowhere/one:/nowhere/two does not exist." });
  });

  test("$KUBECONFIG may name several, of which some are there", () => {
    const file = writeKubeconfig("http://127.0.0.1:1");
    setVariable("KUBECONFIG", `/nowhere/one:${file}`);
    const cluster = connectCluster({ context: "lab", kubeconfig: null, namespace: "lab" });
    expect([cluster.server, cluster.config.getCurrentContext()]).toEqual(["http://127.0.0.1:1", "lab"]);
  });
});

describe("what a cluster answers", () => {
  test("nothing: its address and the context are told", async () => {
    const server = `http://127.0.0.1:${await freePort()}`;
    const kubeconfig = writeKubeconfig(server);
    const cluster = connectCluster({ context: "lab", kubeconfig, namespace: "lab" });
    expect(await failure(() => cluster.send("/version"))).toEqual({
      code: "E_CLUSTER_UNREACHABLE",
      message: `The cluster of the context lab (${server}) does not answer: ECONNREFUSED.`,
      exitCode: 1,
      hint: `Start it, or correct its address in the kubeconfig ${kubeconfig}.`,
    });
  });

  test.each([
    [401, "E_CLUSTER_LOGIN", "The cluster of the context lab refuses the login."],
    [403, "E_CLUSTER_FORBIDDEN", "The context lab may not do this: /api/v1/x is not for you"],
    [500, "E_CLUSTER", "The cluster of the context lab returned 500: /api/v1/x is not for you"],
  ])("%i", async (status, code, message) => {
    const { kubeconfig } = await standInCluster({}, () => status);
    const cluster = connectCluster({ context: "lab", kubeconfig, namespace: "lab" });
    expect(await failure(() => cluster.send("/api/v1/x"))).toMatchObject({ code, message });
  });
});
