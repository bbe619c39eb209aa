import { rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { must } from "../../support/project.ts";
import * as shapes from "../../support/shapes.ts";
import { prefectApi, type Stage } from "../../support/stage.ts";

const folder = "pipelines/acceptance_greeting";
const definition =
  "summary: Greets, for the acceptance tests.\nentrypoint: flow.py:greet\nparameters: {name: world}\n";
const flow = (greeting: string) => `"""A pipeline that comes, changes and goes."""

from datalab.pipeline import logger, pipeline


@pipeline
def greet(name: str = "nobody") -> str:
    """Say something.

    name: whom to greet
    """
    logger().info("${greeting}, %s", name)
    return name


if __name__ == "__main__":
    greet()
`;

interface Deployment {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly updated: string;
}

export function pipelineComponents(stage: Stage): void {
  const registered = async () => {
    const login = `admin:${await stage.secret("prefect/admin")}`;
    // Services stop and start between two calls: a process of its own has no kept connection that leads to
    // nobody.
    const answer = must(stage.project.root, "curl", [
      ...["--fail", "--silent", "--show-error", "--user", login, "--json"],
      ...[
        JSON.stringify({ deployments: { tags: { all_: ["datalab"] } } }),
        `${prefectApi}/deployments/filter`,
      ],
    ]);
    const found = JSON.parse(answer) as Deployment[];
    return new Map(found.map((deployment) => [deployment.name, deployment]));
  };
  const told = () => stage.project.dockerOutput("logs", stage.container("prefect-register"));

  describe("a pipeline is a folder", () => {
    let medallion: Deployment | undefined;

    test("a new one is registered by up, and runs with its parameters", async () => {
      medallion = (await registered()).get("medallion_etl");
      expect(medallion).toBeDefined();
      stage.project.write(`${folder}/pipeline.yaml`, definition);
      stage.project.write(`${folder}/flow.py`, flow("Good morning"));
      await stage.up();
      const list = shapes.pipelineList.parse(await stage.project.json("pipelines", "list"));
      expect(list.find(({ name }) => name === "acceptance_greeting")).toMatchObject({ registered: true });
      const ran = await stage.project.datalab(
        ...["pipelines", "run", "acceptance_greeting", "--param", "name=you", "--wait", "--json"],
      );
      expect(ran.code, ran.stderr).toBe(0);
      const { run } = shapes.run.parse(JSON.parse(ran.stdout));
      // Prefect's clients send their lines in batches.
      await expect
        .poll(async () => (await stage.project.datalab("pipelines", "logs", run)).stdout, {
          timeout: 20_000,
          interval: 1000,
        })
        .toContain("Good morning, you");
    });

    test("an unchanged one is no change", async () => {
      const ran = await stage.project.datalab("preview", "--expect-no-changes");
      expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    });

    test("a changed one is registered again, the others are left alone", async () => {
      const before = (await registered()).get("acceptance_greeting");
      stage.project.write(`${folder}/flow.py`, flow("Good evening"));
      // A preview never builds: what it refers to has to be there.
      await stage.project.json("images", "build");
      const preview = await stage.project.json<{ steps: { name: string }[] }>("preview");
      expect(preview.steps.map(({ name }) => name)).toContain("prefect-register");
      expect(preview.steps.map(({ name }) => name)).not.toContain("medallion_etl");
      await stage.up();
      const after = await registered();
      expect(after.get("acceptance_greeting")?.id).toBe(before?.id);
      expect(after.get("acceptance_greeting")?.version).not.toBe(before?.version);
      expect(after.get("medallion_etl")).toMatchObject({ id: medallion?.id, version: medallion?.version });
      expect(told()).toMatch(/^unchanged medallion_etl/m);
    });

    test("a removed one is unregistered, the others are left alone", async () => {
      rmSync(stage.project.path(folder), { recursive: true });
      await stage.up();
      expect([...(await registered()).keys()]).toEqual(["medallion_etl"]);
      expect(told()).toMatch(/^unchanged medallion_etl/m);
    });
  });
}
