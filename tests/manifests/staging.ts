import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, matchesGlob } from "node:path";
import { parse, parseDocument, stringify } from "yaml";
import { declare, declaredImages } from "../../src/declare.ts";
import { render } from "../../src/ops/render/render.ts";
import { spawnFile } from "../../src/targets/kubernetes/names.ts";
import { loadTarget } from "../../src/targets/load.ts";

const repository = join(import.meta.dirname, "../..");
const stack = "staging";

/**
 * Writes the manifests of the staging stack, as its file is shipped, to a folder, and beside them the pods
 * that its services start by themselves. What `images push` would have written to the stack's file is made
 * up.
 */
export async function writeStagingManifests(folder: string): Promise<void> {
  const project = mkdtempSync(join(tmpdir(), "datalab-staging-"));
  try {
    cpSync(join(repository, "pipelines"), join(project, "pipelines"), { recursive: true });
    writeFileSync(join(project, `Pulumi.${stack}.yaml`), stackFileAfterPush());
    await render({
      project,
      stack,
      out: folder,
      // The program of the repository reads the repository's own stack files.
      program: async () => {
        const { model } = declare(project, stack);
        return (await loadTarget(model.target)).deploy(model);
      },
    });
    writeSpawnedPods(folder);
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

function stackFileAfterPush(): string {
  const file = parseDocument(readFileSync(join(repository, `Pulumi.${stack}.yaml`), "utf8"));
  const images = ["config", "datalab:platform", "images"];
  file.setIn([...images, "registry"], "registry.example.com/datalab");
  for (const image of declaredImages(repository, stack)) {
    file.setIn([...images, "digests", image], `sha256:${"0123456789abcdef".repeat(4)}`);
  }
  return String(file);
}

interface ConfigMap {
  readonly metadata: { readonly namespace: string };
  readonly data: Readonly<Record<string, string>>;
}

/** Notebooks, flow runs and executors stand in no manifest: their templates are files of who starts them. */
function writeSpawnedPods(folder: string): void {
  for (const file of readdirSync(folder).filter((name) => name.startsWith("configmap-"))) {
    const { metadata, data } = parse(readFileSync(join(folder, file), "utf8")) as ConfigMap;
    for (const [key, template] of Object.entries(data)) {
      if (!matchesGlob(key, spawnFile("*"))) continue;
      const pod = JSON.parse(template);
      const name = pod.metadata.labels["datalab.workload"];
      const object = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { ...pod.metadata, name, namespace: metadata.namespace },
        spec: pod.spec,
      };
      writeFileSync(join(folder, `pod-${name}.yaml`), stringify(object, { version: "1.1" }));
    }
  }
}
