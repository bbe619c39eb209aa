/**
 * The whole platform on real Docker: every service, behind the gateway, as `./datalab up` brings it up for a data team.
 * Chapters stand in ./chapters, in the order of the calls below.
 */
import { afterAll, beforeAll, describe } from "vitest";
import { alerts } from "./chapters/alerts.ts";
import { dashboard } from "./chapters/dashboard.ts";
import { ending } from "./chapters/ending.ts";
import { gateway } from "./chapters/gateway.ts";
import { killedPlatform } from "./chapters/killed-platform.ts";
import { centralLogs } from "./chapters/logs.ts";
import { medallion } from "./chapters/medallion.ts";
import { mlflow } from "./chapters/mlflow.ts";
import { notebooks } from "./chapters/notebooks.ts";
import { pages } from "./chapters/pages.ts";
import { sparkOnTheLake } from "./chapters/spark.ts";
import { stopStart } from "./chapters/stop-start.ts";
import { toyService } from "./chapters/toy-service.ts";
import { wholeUp } from "./chapters/whole-up.ts";
import { Stage, whole } from "./support/stage.ts";

const stage = new Stage(whole);

describe("the whole platform on Docker", { timeout: 600_000 }, () => {
  beforeAll(() => stage.open(), 1_800_000);
  afterAll(() => stage.close(), 300_000);

  wholeUp(stage);
  gateway(stage);
  medallion(stage);
  sparkOnTheLake(stage);
  mlflow(stage, `http://127.0.0.1:${5000 + whole.portOffset}`);
  notebooks(stage, `http://127.0.0.1:${8000 + whole.portOffset}`);
  dashboard(stage);
  pages(stage);
  toyService(stage);
  centralLogs(stage);
  stopStart(stage);
  alerts(stage);
  killedPlatform(stage);
  ending(stage);
});
