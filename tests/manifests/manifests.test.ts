import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { type Finding, lint, type Tool, tools } from "./linters.ts";
import { judge, readSkips, type Skip } from "./skips.ts";
import { writeStagingManifests } from "./staging.ts";

const skipsFile = join(import.meta.dirname, "skips.yaml");

describe("the manifests of the staging stack", () => {
  const skips = readSkips(skipsFile);
  const ofTool = (tool: string) => skips.filter((skip) => skip.tool === tool);
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "datalab-manifests-"));
    await writeStagingManifests(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("are there, and so are the pods that services start", () => {
    const files = readdirSync(folder);
    expect(files).toContain("deployment-core.yaml");
    expect(files.filter((file) => file.startsWith("pod-"))).toEqual([
      "pod-jupyterhub-notebook.yaml",
      "pod-prefect-worker-run.yaml",
      "pod-spark-connect-executor.yaml",
    ]);
  });

  test.each(tools)(
    "%s finds nothing but what is skipped for a reason, and no skip is out of date",
    async (tool) => {
      const { unskipped, stale } = judge(await lint(tool, folder), ofTool(tool));
      expect.soft(unskipped, `fix these, or skip them with a reason in ${skipsFile}`).toEqual([]);
      expect.soft(stale, `nothing is found there any more: take these out of ${skipsFile}`).toEqual([]);
    },
  );
});

describe("what must not pass", () => {
  const pod = (name: string, container: object, annotations?: object) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, annotations },
    spec: { containers: [{ name: "main", image: "registry.example.com/main:1", ...container }] },
  });

  /** What a tool finds in files with these texts, or with these objects. */
  async function found(tool: Tool, ...contents: readonly (object | string)[]): Promise<string[]> {
    const folder = mkdtempSync(join(tmpdir(), "datalab-wrong-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    for (const [i, content] of contents.entries()) {
      const text = typeof content === "string" ? content : stringify(content);
      writeFileSync(join(folder, `${i}.yaml`), text);
    }
    return (await lint(tool, folder)).map(({ check, object, message }) => `${check} ${object}: ${message}`);
  }

  test.each([
    [
      "a field that there is not",
      pod("wrong", { comand: ["sh"] }),
      "statusInvalid Pod/wrong: Kubernetes v1.30.0: - at '/spec/containers/0': additional properties 'comand' not allowed",
    ],
    [
      "a wrong type",
      pod("wrong", { tty: "maybe" }),
      "statusInvalid Pod/wrong: Kubernetes v1.30.0: - at '/spec/containers/0/tty': got string, want null or boolean",
    ],
    [
      "an unknown kind",
      { apiVersion: "lab.example.com/v1", kind: "Lab", metadata: { name: "wrong" } },
      "statusError Lab/wrong: Kubernetes v1.30.0: could not find schema for Lab",
    ],
    [
      "a kind that came later",
      { apiVersion: "resource.k8s.io/v1", kind: "DeviceClass", metadata: { name: "wrong" }, spec: {} },
      "statusError DeviceClass/wrong: Kubernetes v1.30.0: could not find schema for DeviceClass",
    ],
    [
      "a key that is there twice",
      "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: wrong }\ndata: { a: b, a: c }\n",
      expect.stringContaining('key "a" already set in map'),
    ],
    ["what is no YAML", "a: [b\n", expect.stringContaining("statusError 1.yaml: ")],
  ])("kubeconform: %s", async (_, content, expected) => {
    expect(await found("kubeconform", pod("right", {}), content)).toContainEqual(expected);
    expect(await found("kubeconform", pod("right", {}))).toEqual([]);
  });

  test("kube-score: a container without limits", async () => {
    const limits = ["main CPU limit is not set", "main Memory limit is not set"];
    const requests = ["main CPU request is not set", "main Memory request is not set"];
    expect(await found("kube-score", pod("wrong", { resources: {} }))).toContain(
      `container-resources Pod/wrong: ${[...limits, ...requests].join("; ")}`,
    );
  });

  test("checkov: a privileged container, and an annotation that would let one pass", async () => {
    const privileged = { securityContext: { privileged: true } };
    const annotations = { "checkov.io/skip1": "CKV_K8S_16=because" };
    expect(
      await found("checkov", pod("wrong", privileged), pod("annotated", privileged, annotations)),
    ).toEqual(
      expect.arrayContaining([
        "CKV_K8S_16 Pod/wrong: Container should not be privileged",
        "CKV_K8S_16 Pod/annotated: Container should not be privileged",
      ]),
    );
  });
});

describe("skips", () => {
  const finding: Finding = {
    tool: "checkov",
    check: "CKV_1",
    object: "Deployment/core",
    message: "is wrong",
  };
  const skip: Skip = { tool: "checkov", check: "CKV_1", objects: ["Deployment/core"], reason: "because" };

  test("a finding is skipped by its tool, check and object together", () => {
    expect(judge([finding], [skip])).toEqual({ unskipped: [], stale: [] });
    expect(judge([finding], [{ ...skip, objects: ["Deployment/*"] }])).toEqual({ unskipped: [], stale: [] });
    const others = [
      { ...finding, tool: "kube-score" as const },
      { ...finding, check: "CKV_2" },
      { ...finding, object: "Deployment/core-2" },
    ];
    expect(judge([finding, ...others], [skip]).unskipped).toEqual([
      "kube-score CKV_1 Deployment/core: is wrong",
      "checkov CKV_2 Deployment/core: is wrong",
      "checkov CKV_1 Deployment/core-2: is wrong",
    ]);
  });

  test("each object of a skip has to be found", () => {
    const wider = { ...skip, objects: ["Deployment/core", "Deployment/gone", "StatefulSet/*"] };
    expect(judge([finding], [wider]).stale).toEqual([
      "checkov CKV_1 Deployment/gone",
      "checkov CKV_1 StatefulSet/*",
    ]);
  });

  test("none goes without a reason", () => {
    const folder = mkdtempSync(join(tmpdir(), "datalab-skips-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "skips.yaml");
    writeFileSync(
      file,
      JSON.stringify([
        { ...skip, reason: "" },
        { ...skip, tool: "checkof" },
      ]),
    );
    expect(() => readSkips(file)).toThrow(/skips\.yaml:\n.*\[0\]\.reason.*\[1\]\.tool/s);
  });
});
