/**
 * What every other service stands on, as a stack of its own on real Docker, from its first `up` to the end of
 * its data, in chapters that build on each other: whoever reads the list of tests reads the life of a
 * platform. Chapters stand in ./chapters, in the order of the calls below.
 */
import { afterAll, beforeAll, describe } from "vitest";
import { backups } from "./chapters/backups.ts";
import { confinement } from "./chapters/confinement.ts";
import { ending } from "./chapters/ending.ts";
import { failingService } from "./chapters/failing-service.ts";
import { firstUp } from "./chapters/first-up.ts";
import { brokenFiles } from "./chapters/foundation/broken-files.ts";
import { killedServices } from "./chapters/foundation/killed-services.ts";
import { objectStoreEngines } from "./chapters/foundation/object-store.ts";
import { pipelineComponents } from "./chapters/foundation/pipeline-components.ts";
import { secondStack } from "./chapters/foundation/second-stack.ts";
import { interruption } from "./chapters/interruption.ts";
import { locks } from "./chapters/locks.ts";
import { medallion } from "./chapters/medallion.ts";
import { adoption } from "./chapters/other-checkout.ts";
import { secrets } from "./chapters/secrets.ts";
import { foundation, Stage } from "./support/stage.ts";

const stage = new Stage(foundation);

describe("the foundation on Docker", { timeout: 600_000 }, () => {
  beforeAll(() => stage.open(), 1_800_000);
  afterAll(() => stage.close(), 300_000);

  firstUp(stage);
  medallion(stage);
  brokenFiles(stage);
  confinement(stage);
  killedServices(stage);
  pipelineComponents(stage);
  failingService(stage);
  interruption(stage);
  backups(stage);
  secrets(stage);
  objectStoreEngines(stage);
  secondStack(stage, foundation.platform ?? {});
  locks(stage);
  adoption(stage);
  ending(stage);
});
