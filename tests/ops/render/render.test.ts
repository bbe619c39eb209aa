import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { Hidden, manifestsOf, notesOf, type Recorded } from "../../../src/ops/render/manifests.ts";
import { render } from "../../../src/ops/render/render.ts";
import { makeProject, platformYaml } from "../../support/project.ts";

const canary = "canary-that-no-file-may-hold";
const recorded = (kind: string, name: string, more: Partial<Recorded> = {}): Recorded => ({
  type: `kubernetes:core/v1:${kind}`,
  name,
  urn: `urn:${kind}:${name}`,
  dependsOn: [],
  ...more,
  inputs: { apiVersion: "v1", kind, metadata: { name, namespace: "lab" }, ...more.inputs },
});

describe("manifests", () => {
  test("a Secret keeps its keys, and nothing behind them", () => {
    const data = { password: new Hidden(canary), "tls.crt": "plain" };
    const [manifest] = manifestsOf([recorded("Secret", "login", { inputs: { type: "Opaque", data } })]);
    expect(manifest).toEqual({
      file: "secret-login.yaml",
      kind: "Secret",
      name: "login",
      secretKeys: ["password", "tls.crt"],
      text: `apiVersion: v1
kind: Secret
metadata:
  name: login
  namespace: lab
data:
  password: ""
  tls.crt: ""
type: Opaque
`,
    });
    const whole = manifestsOf([
      recorded("Secret", "login", { inputs: { stringData: new Hidden({ key: canary }) } }),
    ]);
    expect(whole[0]?.text).toContain('stringData:\n  key: ""\n');
  });

  test("a secret anywhere else is refused, with its place", () => {
    const env = [{ name: "PASSWORD", value: new Hidden(canary) }];
    const pod = recorded("Pod", "w", { inputs: { spec: { containers: [{ env }] } } });
    expect(() => manifestsOf([pod])).toThrow(
      "a secret is outside of a Secret object, and must not be written: Pod w.spec.containers.0.env.0.value",
    );
  });

  test("each comes after what it needs, and otherwise by name; what is no object of a cluster is left out", () => {
    const given = [
      recorded("Service", "b", { dependsOn: ["urn:Namespace:lab"] }),
      recorded("ConfigMap", "a", { dependsOn: ["urn:Secret:z", "urn:Namespace:lab"] }),
      recorded("Secret", "z", { dependsOn: ["urn:Namespace:lab"] }),
      recorded("Namespace", "lab"),
      { ...recorded("Provider", "p"), type: "pulumi:providers:kubernetes" },
    ];
    const files = ["namespace-lab.yaml", "secret-z.yaml", "configmap-a.yaml", "service-b.yaml"];
    expect(manifestsOf(given).map(({ file }) => file)).toEqual(files);
    expect(manifestsOf(given.toReversed()).map(({ file }) => file)).toEqual(files);
  });

  test("keys are in order, and what only the engine reads is gone", () => {
    const annotations = { "pulumi.com/skipAwait": "true", b: "2", a: "1" };
    // Clusters read YAML 1.1, to which `on` is no text.
    const inputs = { metadata: { name: "c", annotations }, spec: { z: "on", a: [{ y: 1, b: 2 }] } };
    expect(manifestsOf([recorded("ConfigMap", "c", { inputs })])[0]?.text).toBe(`apiVersion: v1
kind: ConfigMap
metadata:
  annotations:
    a: "1"
    b: "2"
  name: c
spec:
  a:
    - b: 2
      "y": 1
  z: "on"
`);
  });

  test("what has to be provided is listed", () => {
    const manifests = manifestsOf([
      recorded("Secret", "login", { inputs: { data: { b: canary, a: canary } } }),
      recorded("ConfigMap", "c"),
    ]);
    expect(notesOf("staging", manifests)).toEqual({
      "order.txt": "configmap-c.yaml\nsecret-login.yaml\n",
      "secrets.txt": expect.stringMatching(/\n\nlogin \(secret-login\.yaml\)\n {2}a\n {2}b\n$/),
    });
  });
});

describe("a stack's program, rendered", () => {
  const yaml = platformYaml(`
  target: kubernetes
  images:
    source: registry
  kubernetes:
    context: nowhere
    ingress:
      host: lab.example.com`);
  const program = (names: readonly string[]) => async () => {
    const config = new pulumi.Config("datalab");
    const namespace = new k8s.core.v1.Namespace("namespace", { metadata: { name: "lab" } });
    for (const name of names) {
      new k8s.core.v1.Secret(
        name,
        { metadata: { name, namespace: "lab" }, stringData: { key: config.requireSecret("masterSecret") } },
        { dependsOn: [namespace] },
      );
    }
  };

  test("stands in files that are the same the next time, and those of what is no more are gone", async () => {
    const project = makeProject({ "Pulumi.lab.yaml": yaml });
    const out = join(project, "manifests");
    const options = { project, stack: "lab", out };
    expect(await render({ ...options, program: program(["b", "a"]) })).toEqual({
      stack: "lab",
      folder: out,
      files: ["namespace-lab.yaml", "secret-a.yaml", "secret-b.yaml"],
      secrets: ["a", "b"],
    });
    const read = () =>
      Object.fromEntries(readdirSync(out).map((file) => [file, readFileSync(join(out, file), "utf8")]));
    const before = read();
    expect(Object.keys(before).sort()).toEqual([
      "namespace-lab.yaml",
      "order.txt",
      "secret-a.yaml",
      "secret-b.yaml",
      "secrets.txt",
    ]);
    await render({ ...options, program: program(["a", "b"]) });
    expect(read()).toEqual(before);
    await render({ ...options, program: program(["a"]) });
    expect(existsSync(join(out, "secret-b.yaml"))).toBe(false);
    expect(JSON.stringify(before)).not.toContain("rendered-manifests-hold-no-secret");
  });

  test("that has lost the mark of a secret is found in the text, and nothing is written", async () => {
    const project = makeProject({ "Pulumi.lab.yaml": yaml });
    const out = join(project, "manifests");
    const leak = async () => {
      const master = new pulumi.Config("datalab").requireSecret("masterSecret");
      new k8s.core.v1.ConfigMap("c", {
        metadata: { name: "c" },
        data: { hidden: pulumi.unsecret(master.apply((value) => Buffer.from(value).toString("base64"))) },
      });
    };
    await expect(render({ project, stack: "lab", out, program: leak })).rejects.toThrow(
      "configmap-c.yaml would contain a secret: nothing is written",
    );
    expect(existsSync(out)).toBe(false);
  });

  test("is not mixed up with other files", async () => {
    const project = makeProject({ "Pulumi.lab.yaml": yaml, "docs/a.md": "" });
    const out = join(project, "docs");
    await expect(render({ project, stack: "lab", out, program: program([]) })).rejects.toMatchObject({
      code: "E_RENDER",
      exitCode: 2,
    });
    writeFileSync(join(project, "Pulumi.dev.yaml"), "");
    await expect(render({ project, stack: "dev", out: join(project, "m") })).rejects.toMatchObject({
      message: "The stack dev does not run in a cluster, so it has no manifests.",
    });
  });
});
