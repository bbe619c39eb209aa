/**
 * The whole platform on real Docker: every service, behind the gateway, as `./datalab up` brings it up for a
 * data team. Chapters stand in ./chapters, in the order of the calls below; what only `--all` runs is marked
 * where it stands.
 */
import { afterAll, beforeAll, describe } from "vitest";
import { onlyInAll } from "../support/tier.ts";
import { alertDrill, alerts } from "./chapters/alerts.ts";
import { clients } from "./chapters/clients.ts";
import { dashboard } from "./chapters/dashboard.ts";
import { ending } from "./chapters/ending.ts";
import { gateway } from "./chapters/gateway.ts";
import { killedPlatform } from "./chapters/killed-platform.ts";
import { largeThings } from "./chapters/large-things.ts";
import { centralLogs } from "./chapters/logs.ts";
import { medallion } from "./chapters/medallion.ts";
import { mlflow } from "./chapters/mlflow.ts";
import { notebooks } from "./chapters/notebooks.ts";
import { otherCheckout } from "./chapters/other-checkout.ts";
import { pages } from "./chapters/pages.ts";
import { huntedSecrets } from "./chapters/secrets.ts";
import { sparkOnTheLake } from "./chapters/spark.ts";
import { stopStart } from "./chapters/stop-start.ts";
import { toyService } from "./chapters/toy-service.ts";
import { wholeUp } from "./chapters/whole-up.ts";
import { Stage, whole } from "./support/stage.ts";

const stage = new Stage(whole);

describe("the whole platform on Docker", { timeout: 600_000 }, () => {
  beforeAll(async () => {
    await stage.open();
    for (const [path, text] of Object.entries(alertDrill)) stage.project.write(path, text);
  }, 1_800_000);
  afterAll(() => stage.close(), 300_000);

  wholeUp(stage);
  // Every other service of it starts Prometheus anew: alerts come when it has long settled.
  toyService(stage);
  gateway(stage);
  medallion(stage);
  sparkOnTheLake(stage);
  mlflow(stage, `http://127.0.0.1:${5000 + whole.portOffset}`);
  notebooks(stage, `http://127.0.0.1:${8000 + whole.portOffset}`);
  clients(stage);
  onlyInAll(() =>
    largeThings(stage, {
      mlflow: `http://127.0.0.1:${5000 + whole.portOffset}`,
      hub: `http://127.0.0.1:${8000 + whole.portOffset}`,
    }),
  );
  dashboard(stage);
  pages(stage);
  centralLogs(stage);
  alerts(stage);
  onlyInAll(() => stopStart(stage));
  otherCheckout(stage);
  killedPlatform(stage);
  huntedSecrets(stage);
  ending(stage, true);
});
