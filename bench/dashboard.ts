/**
 * How fast the dashboard is, and how much memory it takes: `node bench/dashboard.ts URL CONTAINER [USER
 * PASSWORD]`. Opens it in Chromium with an empty cache, several times, and writes what it measured to
 * bench/data.
 */
import { execFileSync } from "node:child_process";
import { loadavg } from "node:os";
import { TestBrowser } from "../tests/acceptance/support/browser.ts";
import { median } from "./support/measure.ts";
import { record } from "./support/record.ts";

const [url = "http://127.0.0.1:8501/", container = "datalab-dev-dashboard", user = "", password = ""] =
  process.argv.slice(2);
const rounds = 7;
const docker = process.env.DATALAB_DOCKER ?? "docker";
const memory = () =>
  execFileSync(docker, ["stats", "--no-stream", "--format", "{{.MemUsage}}", container], {
    encoding: "utf8",
  }).split(" /")[0];

interface Opened {
  readonly firstPaint: number;
  readonly firstCards: number;
}

const load = loadavg()[0];
const atRest = memory();
const browser = await TestBrowser.open();
const opened: Opened[] = [];
try {
  for (let n = 0; n < rounds; n++) {
    const page = await browser.page();
    await browser.enter(page, url, { user, password });
    if (user !== "") await page.goto(url);
    await page.locator("section.dl-card").first().waitFor({ timeout: 60_000 });
    const firstCards = await page.evaluate(() => performance.now());
    const firstPaint = await page.evaluate(
      () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
    );
    opened.push({ firstPaint: Math.round(firstPaint), firstCards: Math.round(firstCards) });
    await page.context().close();
  }
} finally {
  await browser.close();
}
const result = {
  load,
  memoryAtRest: atRest,
  memoryAfter: memory(),
  firstPaintMs: median(opened.map(({ firstPaint }) => firstPaint)),
  firstCardsMs: median(opened.map(({ firstCards }) => firstCards)),
  opened,
};
console.log(JSON.stringify(result, undefined, 2));
console.error(`every figure: ${record("dashboard", result)}`);
