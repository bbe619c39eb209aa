import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onlyInAll } from "../../support/tier.ts";
import { type Login, TestBrowser } from "../support/browser.ts";
import { flightRows } from "../support/flights.ts";
import type { Stage } from "../support/stage.ts";

const pages = {
  overview: "Overview",
  pipelines: "Pipelines",
  lake: "Lake",
  models: "Models",
  alerts: "Alerts",
  logs: "Logs",
  resources: "Resources",
  links: "Links",
} as const;
const views = {
  light: { as: "in light colours", colorScheme: "light" },
  dark: { as: "in dark colours", colorScheme: "dark" },
  phone: { as: "on a phone", colorScheme: "dark", width: 390, height: 844 },
} as const;
const address = (stage: Stage, page: string) =>
  `http://127.0.0.1:${stage.port(8501)}/${page === "overview" ? "" : page}`;

/**
 * The dashboard in a real browser, through the gateway; the lake holds what the medallion chapter has loaded.
 */
export function dashboard(stage: Stage): void {
  describe("the dashboard", () => {
    let browser: TestBrowser;
    let login: Login;
    beforeAll(async () => {
      browser = await TestBrowser.open();
      const shown = await stage.project.datalab("secrets", "show", "gateway/admin");
      login = { user: "admin", password: shown.stdout.trim() };
    }, 600_000);
    afterAll(() => browser?.close());

    const open = async (name: string, view: Parameters<TestBrowser["page"]>[0] = {}): Promise<Page> => {
      const page = await browser.page(view);
      const title = page.locator(".dl-title").first();
      try {
        await browser.enter(page, address(stage, name), login, () => title.waitFor({ timeout: 30_000 }));
      } catch (error) {
        const shown = (await page.locator("body").textContent()) ?? "";
        const picture = await browser.picture(page, `dashboard-${name}-not-drawn`);
        throw new Error(`the page ${name} shows "${shown.slice(0, 500)}" (${picture})`, { cause: error });
      }
      return page;
    };

    test("nobody sees it without the platform's login", async () => {
      const answer = await fetch(address(stage, "overview"), {
        redirect: "manual",
        headers: { accept: "text/html" },
      });
      expect([302, 303, 401]).toContain(answer.status);
      const program = await fetch(`${address(stage, "overview")}_stcore/stream`, { redirect: "manual" });
      expect(program.status).not.toBe(200);
    });

    test("the overview has a card with state and checks for every service of the registry", async () => {
      const page = await open("overview");
      const registry = await stage.project.json<{ name: string }[]>("services", "list");
      for (const { name } of registry) {
        const card = page.locator(`section[aria-label="${name}"]`);
        await card.waitFor({ timeout: 20_000 });
        expect(await card.locator(".dl-pill").first().textContent()).toMatch(/healthy|degraded|down|unknown/);
      }
      await page.context().close();
    });

    const drawn = (how: keyof typeof views) =>
      test(`every page is drawn ${views[how].as}, without a scroll bar at the side`, async () => {
        const page = await open("overview", views[how]);
        for (const [name, title] of Object.entries(pages)) {
          await browser.visit(page, address(stage, name), () =>
            page.locator(".dl-title").first().waitFor({ timeout: 30_000 }),
          );
          expect(await page.locator(".dl-title [role=heading]").first().textContent()).toBe(title);
          // Streamlit says when the page's script has ended; what it has sent is drawn by the next frame.
          await page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').waitFor();
          await page.evaluate("new Promise((drawn) => requestAnimationFrame(drawn))");
          expect(await page.locator("[data-testid=stException]").count(), `${name} ${how}`).toBe(0);
          const beyond = await page
            .locator("[data-testid=stMain]")
            .evaluate((e) => e.scrollWidth - e.clientWidth);
          expect(beyond, `${name} ${how}`).toBeLessThanOrEqual(0);
          await browser.picture(page, `dashboard-${name}-${how}`);
        }
        await page.context().close();
      }, 300_000);
    drawn("light");
    drawn("phone");
    onlyInAll(() => drawn("dark"));

    test("a run is started, followed to its end and listed", async () => {
      const page = await open("pipelines");
      await page.getByRole("button", { name: "Run medallion_etl" }).click();
      const start = page.getByRole("button", { name: "Start the run" });
      await start.click();
      await page.getByText("Confirm with the check box first").waitFor();
      await page.getByText("Yes, run it on the real data").click();
      await start.click();
      // Of all cards, the followed run's alone has the run's log inside.
      const followed = page.locator("section.dl-card:has(.dl-log)");
      await followed.locator(".dl-pill.ok", { hasText: "completed" }).waitFor({ timeout: 180_000 });
      await browser.picture(page, "dashboard-run");
      await page.context().close();
    }, 240_000);

    test("SQL on the lake answers with the exact number of rows, and refuses to read files", async () => {
      const page = await open("lake");
      await page.getByRole("tab", { name: "SQL" }).click();
      const box = page.getByRole("textbox", { name: "SQL" });
      const run = page.getByRole("button", { name: "Run", exact: true });
      // Results are drawn on a canvas; an error carries the number as text.
      await box.fill("SELECT 'rows: ' || count(*) AS n FROM silver.flights HAVING error(count(*)::VARCHAR)");
      await run.click();
      await page.getByText(String(flightRows)).first().waitFor({ timeout: 30_000 });
      await box.fill("SELECT * FROM read_text('/etc/passwd')");
      await run.click();
      const refused = page.locator(".dl-note.bad", { hasText: "read_text" });
      await refused.waitFor({ timeout: 30_000 });
      expect(await refused.textContent()).not.toContain("root:");
      await page.context().close();
    });

    test.each([1280, 820, 390])(
      "the overview, %i wide, stays where one is while it renews itself",
      async (width) => {
        const page = await open("overview", { width, height: 800 });
        const link = page.locator("section.dl-card a").last();
        await link.waitFor({ timeout: 30_000 });
        await link.scrollIntoViewIfNeeded();
        await link.focus();
        const place = async () => Math.round((await link.boundingBox())?.y ?? Number.NaN);
        const updated = () => page.locator(".dl-title").first().textContent();
        const before = await place();
        expect(before).toBeLessThan(800);
        for (let renewal = 1; renewal <= 2; renewal++) {
          const shown = await updated();
          await expect.poll(updated, { timeout: 30_000 }).not.toBe(shown);
        }
        expect(await place()).toBe(before);
        expect(await link.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
        await page.context().close();
      },
    );

    test("what is chosen is in the address: a link opens the same table, and the same query", async () => {
      const page = await open("lake?table=silver.flights");
      await page.getByRole("tab", { name: "Table", selected: true }).waitFor({ timeout: 30_000 });
      await page.getByText("Schema", { exact: true }).waitFor({ timeout: 30_000 });
      await page.getByRole("tab", { name: "SQL" }).click();
      const box = page.getByRole("textbox", { name: "SQL" });
      await box.fill("SELECT 41 + 1 AS n");
      await page.getByRole("button", { name: "Run", exact: true }).click();
      await page.getByText("1 row in").waitFor({ timeout: 30_000 });
      await expect.poll(() => new URL(page.url()).searchParams.get("view")).toBe("SQL");
      await page.goto(page.url());
      await page.getByRole("tab", { name: "SQL", selected: true }).waitFor({ timeout: 30_000 });
      await expect.poll(() => box.inputValue()).toBe("SELECT 41 + 1 AS n");
      expect(new URL(page.url()).searchParams.get("table")).toBe("silver.flights");
      await page.context().close();
    });

    test("the log shows lines of a service as they come", async () => {
      const page = await open("logs");
      await page.locator(".dl-log .l").first().waitFor({ timeout: 30_000 });
      expect(await page.locator(".dl-log .l").count()).toBeGreaterThan(10);
      await page.context().close();
    });

    test("no page asks anybody but this machine, and none has an error inside", () => {
      expect(browser.strangers).toEqual([]);
      expect(browser.errors).toEqual([]);
    });
  });
}
