import { describe, expect, test } from "vitest";
import { kubectl, namespace, objects, tryKubectl } from "../support/cluster.ts";
import type { Stage } from "../support/stage.ts";

interface Named {
  readonly metadata: { readonly name: string };
}
const names = (kinds: string) => objects<Named>(kinds).map(({ metadata }) => metadata.name);

export function kubernetesEnding(stage: Stage): void {
  describe("down in a cluster", () => {
    test("leaves claims that are kept, and nothing else", async () => {
      const ran = await stage.project.datalab("down", "--yes");
      expect(ran.code, ran.stderr).toBe(0);
      const left = names(
        "pods,deployments,statefulsets,jobs,services,secrets,ingresses,networkpolicies,horizontalpodautoscalers,roles,rolebindings",
      );
      expect(left).toEqual([]);
      expect(names("persistentvolumeclaims").sort()).toEqual(
        expect.arrayContaining(["data-object-store-0", "data-postgres-0"]),
      );
      for (const claim of names("persistentvolumeclaims")) expect(ran.stdout + ran.stderr).toContain(claim);
    });

    test("the next up adopts them, with all data", async () => {
      await stage.up();
      expect(await stage.count("bronze.kept")).toBeGreaterThan(0);
    });

    test("without data to keep, nothing is left of the stack", async () => {
      const ran = await stage.project.datalab("down", "--delete-data", "--yes");
      expect(ran.code, ran.stderr).toBe(0);
      const found = tryKubectl("get", "namespace", namespace);
      expect(found.status).not.toBe(0);
      const volumes = JSON.parse(kubectl("get", "persistentvolumes", "-o", "json")) as {
        items: { spec: { claimRef?: { namespace: string } } }[];
      };
      expect(volumes.items.filter(({ spec }) => spec.claimRef?.namespace === namespace)).toEqual([]);
    });
  });
}
