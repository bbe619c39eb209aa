import { afterAll, beforeAll, describe } from "vitest";
import { ending } from "./chapters/ending.ts";
import { firstUp } from "./chapters/first-up.ts";
import { medallion } from "./chapters/medallion.ts";
import { Stage } from "./support/stage.ts";
const stage = new Stage();
describe("a platform on Docker", { timeout: 300_000 }, () => {
  beforeAll(() => stage.open(), 1_800_000);
  afterAll(() => stage.close(), 300_000);
  firstUp(stage);
  medallion(stage);
  ending(stage);
});
