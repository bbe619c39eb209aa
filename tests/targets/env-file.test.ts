/**
 * A service file's variable may hold any text beside a secret: its container starts, and has that very text.
 */
import * as k8s from "@pulumi/kubernetes";
import { describe, expect, test } from "vitest";
import { deriveSecret } from "../../src/model/derive.ts";
import type { ClusterModel } from "../../src/model/platform.ts";
import { deployDocker } from "../../src/targets/docker/index.ts";
import { deployKubernetes } from "../../src/targets/kubernetes/index.ts";
import { inCluster } from "../support/clusters.ts";
import { sourcedBy } from "../support/env-file.ts";
import { type Hidden, record } from "../support/mocks.ts";
import { declare, goodPipeline, makeProject, platformYaml } from "../support/project.ts";
import { images } from "./expected.ts";

const greeter = `name: greeter
summary: Says a greeting.
version: "1.0"
backup: it holds nothing
needs:
  admin: { secret: { user: admin, opens: the greeting } }
parts:
  main:
    image: python
    command: [python, -m, http.server, "8080", --directory, /tmp]
    env:
      GREETING: It's \${needs.admin.value}
      PRICE: 5 $ net, "as is" \\ \${needs.admin.value}
    endpoints:
      web: { port: 8080, summary: the page }
    probe: { command: [curl, --fail, --silent, --output, /dev/null, http://127.0.0.1:8080/] }
    resources: { cpu: 50m, memory: 64Mi }
`;
const master = "m".repeat(43);
const config = {
  "datalab:masterSecret": master,
  "datalab:tlsKey": "key",
  "datalab:tlsCertificate": "certificate",
  "datalab:tlsAuthority": "authority",
};

function modelWithGreeter(stack: string, platform: string) {
  const files = {
    ...goodPipeline,
    "services/greeter.yaml": greeter,
    [`Pulumi.${stack}.yaml`]: platformYaml(`serviceFiles: [services/greeter.yaml]${platform}`),
  };
  return declare(makeProject(files), stack).model;
}

function expectGreeting(stack: string, file: string): void {
  const secret = deriveSecret(master, stack, { id: "greeter/admin", version: 1 });
  const found = sourcedBy("bash", file);
  expect(found.get("GREETING")?.toString()).toBe(`It's ${secret}`);
  expect(found.get("PRICE")?.toString()).toBe(`5 $ net, "as is" \\ ${secret}`);
}

describe("a variable with an apostrophe beside a secret", () => {
  test("is read back from what the Docker target uploads", async () => {
    const model = modelWithGreeter("dev", "");
    const recorded = await record(() => deployDocker(model, images), { config });
    const { uploads } = recorded.get("docker:index/container:Container", "greeter-files").inputs as {
      uploads: { file: string; content: Hidden }[];
    };
    expect(uploads.map(({ file }) => file)).toEqual(["/run/datalab/env"]);
    expectGreeting("dev", uploads[0]?.content.hidden as string);
  });

  test("is read back from the Secret that the Kubernetes target makes", async () => {
    const model = modelWithGreeter("staging", inCluster);
    const cluster = new k8s.Provider("cluster", { context: "lab" });
    const recorded = await record(() => deployKubernetes(model, model.cluster as ClusterModel, cluster), {
      config,
      stack: "staging",
    });
    const { data } = recorded.get("kubernetes:core/v1:Secret", "greeter-files").inputs as {
      data: { hidden: { env: string } };
    };
    expectGreeting("staging", Buffer.from(data.hidden.env, "base64").toString());
  });
});
