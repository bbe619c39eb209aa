/** What people do in the pages of the products behind the gateway. Each function ends when the page shows that it is done. */
import type { Page } from "playwright-core";
import type { Login, TestBrowser } from "./browser.ts";

/** Runs a deployment from Prefect's list and follows it in the list of runs; returns the name that Prefect gave the run. */
export async function quickRun(
  browser: TestBrowser,
  page: Page,
  base: string,
  deployment: string,
): Promise<string> {
  await browser.visit(page, `${base}/deployments`);
  const row = page.getByRole("row").filter({ hasText: deployment });
  await row.getByRole("button").last().click();
  await page.getByText("Quick run").click();
  const started = page.getByText(/^\S+ scheduled to start now/).first();
  const name = (await started.textContent())?.trim().split(" ")[0] ?? "";
  await browser.visit(page, `${base}/runs`);
  const listed = page.locator(".state-list-item__content").filter({ hasText: name }).first();
  await listed.getByText("Completed").waitFor({ timeout: 180_000 });
  return name;
}

/** What the page of an MLflow run shows. MLflow routes behind the #, which is not sent: first the page, then the place in it. */
export async function mlflowRun(
  page: Page,
  base: string,
  experiment: string,
  run: string,
): Promise<string | null> {
  await page.goto(`${base}/#/experiments/${experiment}/runs/${run}`);
  await page.getByText("About this run").waitFor({ timeout: 60_000 });
  return page.locator("main").textContent();
}

/** Logs in to JupyterHub, which starts the notebook, and ends in JupyterLab's launcher. */
export async function openLab(page: Page, base: string, login: Login): Promise<void> {
  await page.getByLabel("Username").fill(login.user);
  await page.getByLabel("Password").fill(login.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  const lab = `/user/${login.user}/lab`;
  const launcher = page.locator('.jp-LauncherCard[data-category="Notebook"]').first();
  // The new container changes the network, and the page of the hub that waits for it may miss its end: ask again.
  for (const until = Date.now() + 240_000; ; ) {
    try {
      await page.waitForURL((at) => at.pathname.startsWith(lab), { timeout: 40_000 });
      await launcher.waitFor({ timeout: 40_000 });
      return;
    } catch (error) {
      if (Date.now() > until) throw error;
      await page.goto(`${base}${lab}`).catch(() => {});
    }
  }
}

/** Runs code in a cell of a new notebook, and gives back what the cell's output shows once it matches. */
export async function runCell(page: Page, code: string, expected: RegExp): Promise<string | null> {
  await page.locator('.jp-LauncherCard[data-category="Notebook"]').first().click();
  const cell = page.locator(".jp-Notebook .jp-CodeCell").first();
  await cell.locator(".cm-content").click();
  await page.keyboard.insertText(code);
  await page.keyboard.press("Shift+Enter");
  const output = cell.locator(".jp-OutputArea-output").filter({ hasText: expected });
  await output.first().waitFor({ timeout: 240_000 });
  return output.first().textContent();
}

/** Stops one's notebook from the hub's page. */
export async function stopNotebook(browser: TestBrowser, page: Page, base: string): Promise<void> {
  await browser.visit(page, `${base}/hub/home`);
  await page.getByRole("button", { name: "Stop My Server" }).click();
  await page.getByRole("button", { name: "Start My Server" }).waitFor({ timeout: 60_000 });
}

/** The scrape pools of Prometheus' targets page, such as "core (1/1 up)", and the endpoints in it that are not up. */
export async function targets(page: Page): Promise<{ pools: string[]; notUp: string[] }> {
  await page.locator("td.state").first().waitFor();
  const rows = page.locator("tbody tr");
  const down = rows.filter({ hasNot: page.locator(".state_indicator.alert-success") });
  return { pools: await page.locator("h2.job_header a").allInnerTexts(), notUp: await down.allInnerTexts() };
}

/** Asks VictoriaLogs and gives back the lines that its page lists. */
export async function searchLogs(page: Page, query: string): Promise<string[]> {
  await page.locator("textarea").first().fill(query);
  await page.getByRole("button", { name: "Execute Query" }).click();
  await page.waitForURL((at) => decodeURIComponent(at.hash).includes(query));
  const lines = page.locator(".vm-group-logs-row");
  await lines.first().waitFor();
  return lines.allInnerTexts();
}

/** Logs in to MinIO's console and lists what it shows as buckets. */
export async function consoleBuckets(page: Page, login: Login): Promise<string[]> {
  await page.getByPlaceholder("Username").fill(login.user);
  await page.getByPlaceholder("Password").fill(login.password);
  await page.getByRole("button", { name: "Login" }).click();
  await page.getByText("Sign Out").waitFor({ timeout: 30_000 });
  const buckets = page.locator('button[id^="manageBucket-"]');
  await buckets.first().waitFor();
  const licence = page.getByRole("button", { name: "Acknowledge" });
  if (await licence.isVisible()) await licence.click();
  return buckets.allInnerTexts();
}
