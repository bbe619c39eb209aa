import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onlyInAll } from "../../support/tier.ts";
import { type Login, TestBrowser } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
import { flightRows } from "../support/flights.ts";
import * as products from "../support/products.ts";
import type { Stage } from "../support/stage.ts";

/** What the gateway guards, by well-known port. The console and JupyterHub have a login of their own. */
const guarded = [4200, 5000, 8080, 18080, 9090, 9093, 9428];
/**
 * The page of targets that Prometheus' package brings loads a script of its own in a way that browsers
 * refuse.
 */
const known = /\/classic\/targets: .*(Unexpected token 'export'|require Popper)/;
const cell = {
  code: [
    "from datalab.notebook import spark",
    'flights = spark().read.format("delta").load("s3a://silver/flights")',
    'print("rows by Spark:", flights.count())',
  ].join("\n"),
  expected: /rows by Spark: \d+/,
};

/**
 * The pages of the products, in one browser that logs in once, and one real thing done in each. The lake
 * holds what the medallion chapter has loaded, and the Spark chapter's application has ended.
 */
export function pages(stage: Stage): void {
  describe("every page opens with one login, and does what it is for", { timeout: 300_000 }, () => {
    let browser: TestBrowser;
    let page: Page;
    const refused: string[] = [];
    const base = (port: number) => `http://127.0.0.1:${stage.port(port)}`;
    const picture = (name: string) => browser.picture(page, `page-${name}`);
    const login = async (user: string, secret: string): Promise<Login> => ({
      user,
      password: await stage.secret(secret),
    });
    /** What a program sends with the gateway's token. */
    const post = async (url: string, body: unknown) => {
      const authorization = `Bearer ${await stage.secret("gateway/token")}`;
      const headers = { authorization, "content-type": "application/json" };
      const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
      const text = await answer.text();
      expect(answer.status, `${url}: ${text}`).toBe(200);
      return text === "" ? undefined : JSON.parse(text);
    };

    beforeAll(async () => {
      browser = await TestBrowser.open();
      page = await browser.page();
      await browser.enter(page, base(4200), await login("admin", "gateway/admin"));
      page.on("response", (answer) => {
        if (guarded.some((port) => answer.url().startsWith(`${base(port)}/`)) && answer.status() === 401)
          refused.push(answer.url());
      });
    }, 600_000);
    afterAll(() => browser?.close());

    test("a link keeps its #part through the login", async () => {
      const fresh = await browser.page();
      const link = `${base(8080)}/?from=a-link#completed-app`;
      await browser.enter(fresh, link, await login("admin", "gateway/admin"));
      expect(fresh.url()).toBe(link);
      await fresh.context().close();
    });

    test("Prefect lists the pipeline, runs it, and lists the run", async () => {
      await browser.visit(page, `${base(4200)}/deployments`);
      await page.getByRole("row").filter({ hasText: "medallion_etl" }).waitFor();
      await picture("prefect-deployments");
      const run = await products.quickRun(browser, page, base(4200), "medallion_etl");
      await picture("prefect-runs");
      expect(run).toEqual({ name: expect.stringMatching(/^[a-z]+-[a-z]+$/), state: "Completed" });
    });

    test("MLflow shows a run with its metric", async () => {
      const api = `${base(5000)}/api/2.0/mlflow`;
      const timestamp = Date.now();
      const name = `page-${timestamp}`;
      const { experiment_id } = await post(`${api}/experiments/create`, { name });
      const { run } = await post(`${api}/runs/create`, {
        experiment_id,
        run_name: name,
        start_time: timestamp,
      });
      const { run_id } = run.info;
      await post(`${api}/runs/log-metric`, { run_id, key: "rmse", value: 0.125, timestamp });
      await post(`${api}/runs/update`, { run_id, status: "FINISHED", end_time: timestamp });
      const place = { experiment: experiment_id, run: run_id };
      const shown = await products.mlflowRun(browser, page, base(5000), place);
      await picture("mlflow-run");
      expect(shown).toContain(name);
      expect(shown).toMatch(/rmse\s*0\.125/);
    });

    test("the Spark master lists its worker and the application that is running", async () => {
      await browser.visit(page, base(8080), () => page.getByText(/Workers:\s*1 Alive/).waitFor());
      await picture("spark-master");
      await page.getByRole("link", { name: /^app-/ }).first().click();
      await page.getByText(/Application: connect/).waitFor();
      await picture("spark-application");
    });

    test("the Spark history answers", async () => {
      await browser.visit(page, base(18080), () =>
        page.getByRole("heading", { name: "History Server" }).waitFor(),
      );
      await picture("spark-history");
    });

    onlyInAll(() =>
      test("the Spark history opens an application that has ended", async () => {
        await browser.visit(page, base(18080), async () => {
          await page.getByRole("link", { name: /^app-/ }).first().click();
          await page.getByText("Spark Jobs").first().waitFor({ timeout: 60_000 });
        });
        await picture("spark-history-application");
      }),
    );

    test("every target of Prometheus is up", async () => {
      // A container that an earlier chapter has started anew may not have been asked again.
      await eventually("all targets are up", 120, async () => {
        await browser.visit(page, `${base(9090)}/classic/targets`);
        const { pools, notUp } = await products.targets(page);
        expect(pools.length).toBeGreaterThan(10);
        expect(notUp).toEqual([]);
      });
      await picture("prometheus-targets");
    });

    test("Alertmanager shows an alert, and no longer once it has ended", async () => {
      const shown = page.getByText('alertname="PageOpened"');
      const tell = (secondsFromNow: number) => {
        const at = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
        const labels = { alertname: "PageOpened", severity: "info", service: "platform" };
        const annotations = { summary: "An alert that the acceptance tests have posted." };
        const alert = { labels, annotations, startsAt: at(-60), endsAt: at(secondsFromNow) };
        return post(`${base(9093)}/api/v2/alerts`, [alert]);
      };
      const reload = () =>
        browser.visit(page, base(9093), () => page.getByText('alertname="Heartbeat"').first().waitFor());
      await tell(600);
      await eventually("the alert shows", 60, async () => {
        await reload();
        return (await shown.count()) > 0;
      });
      await picture("alertmanager");
      await tell(-1);
      await eventually("the alert is gone", 60, async () => {
        await reload();
        return (await shown.count()) === 0;
      });
    });

    test("the log store finds a service's lines", async () => {
      const query = 'service:prefect "Finished in state Completed"';
      const lines = await products.searchLogs(browser, page, base(9428), query);
      await picture("logs");
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) expect(line).toContain("Finished in state Completed");
    });

    test("none of them has asked for a password again", () => {
      expect(refused).toEqual([]);
    });

    test("the store's console asks for its own login, and lists the buckets", async () => {
      const own = await login("admin", "object-store/admin");
      const buckets = await products.consoleBuckets(browser, page, base(9001), own);
      await picture("console");
      expect(buckets).toEqual(expect.arrayContaining(["artifacts", "bronze", "gold", "silver"]));
    });

    const lab = async () => {
      await products.openLab(browser, page, base(8000), await login("admin", "jupyterhub/admin"));
      await picture("jupyterlab");
      const address = `${base(8000)}/user/admin/lab`;
      const output = await products.runCell(browser, page, address, cell);
      await picture("notebook");
      expect(output).toContain(`rows by Spark: ${flightRows}`);
      await products.stopNotebook(browser, page, base(8000));
      await picture("hub-home");
    };
    const title = "JupyterHub asks for its own login, and a cell in JupyterLab reads the lake through Spark";
    onlyInAll(() => test(title, lab, 600_000));

    test("no page has asked anybody but this machine, and none has an error inside", () => {
      expect(browser.strangers).toEqual([]);
      expect(browser.errors.filter((error) => !known.test(error))).toEqual([]);
    });
  });
}
