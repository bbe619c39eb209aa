import { describe, expect, test } from "vitest";
import type { Stage } from "../support/stage.ts";

/** `url`: where the gateway publishes MLflow. */
export function mlflow(stage: Stage, url: string): void {
  /** What programs send: the gateway's token. It fills in MLflow's own login. */
  const token = async () => `Bearer ${await stage.secret("gateway/token")}`;
  const call = async (method: string, path: string, body?: unknown, authorization?: string) => {
    const answer = await fetch(`${url}/api/2.0/mlflow/${path}`, {
      method,
      headers: {
        authorization: authorization ?? (await token()),
        "content-type": "application/json",
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith("{") ? JSON.parse(text) : text };
  };
  const basic = (password: string) => `Basic ${btoa(`admin:${password}`)}`;

  describe("MLflow", () => {
    test("refuses strangers, and the login that it was once shipped with", async () => {
      const stranger = await fetch(`${url}/api/2.0/mlflow/experiments/search?max_results=1`);
      expect([401, 403]).toContain(stranger.status);
      const shipped = await call("GET", "experiments/search?max_results=1", undefined, basic("password1234"));
      expect([401, 403]).toContain(shipped.status);
    });

    test("keeps a run with its metric, and a registered model", async () => {
      const { body: made } = await call("POST", "experiments/create", { name: "acceptance" });
      const created = await call("POST", "runs/create", { experiment_id: made.experiment_id, start_time: 1 });
      const { run_id, artifact_uri } = created.body.run.info;
      expect(artifact_uri).toMatch(/^mlflow-artifacts:\//);
      await call("POST", "runs/log-metric", { run_id, key: "rmse", value: 0.25, timestamp: 1 });
      const read = await call("GET", `runs/get?run_id=${run_id}`);
      expect(read.body.run.data.metrics).toMatchObject([{ key: "rmse", value: 0.25 }]);

      await call("POST", "registered-models/create", { name: "acceptance" });
      const version = await call("POST", "model-versions/create", {
        name: "acceptance",
        source: artifact_uri,
        run_id,
      });
      expect(version.body.model_version).toMatchObject({ name: "acceptance", version: "1", status: "READY" });
    });

    test("the functional check leaves no model, and no artifact, behind", async () => {
      const models = await call("GET", "registered-models/search");
      const names = (models.body.registered_models ?? []).map((model: { name: string }) => model.name);
      expect(names).not.toContain("datalab-health");
      const health = await call("GET", "experiments/get-by-name?experiment_name=datalab-health");
      const runs = await call("POST", "runs/search", {
        experiment_ids: [health.body.experiment.experiment_id],
        run_view_type: "ACTIVE_ONLY",
      });
      expect(runs.body.runs ?? []).toEqual([]);
    });

    test("hands out no path to the host: an artifact outside of its bucket is refused", async () => {
      const path = `${url}/api/2.0/mlflow-artifacts/artifacts/..%2F..%2Fetc%2Fpasswd`;
      const answer = await fetch(path, { headers: { authorization: await token() } });
      expect(answer.status).toBeGreaterThanOrEqual(400);
    });
  });
}
