/**
 * What people do in the pages of the products behind the gateway. Each function ends when the page shows that
 * it is done.
 */
import type { Page } from "playwright-core";
import type { Login, TestBrowser } from "./browser.ts";

/** Runs a deployment from Prefect's list and follows it in the list of runs to its end. */
export async function quickRun(
  browser: TestBrowser,
  page: Page,
  base: string,
  deployment: string,
): Promise<{ name: string; state: string }> {
  const name = await browser.visit(page, `${base}/deployments`, async () => {
    const row = page.getByRole("row").filter({ hasText: deployment });
    await row.getByRole("button").last().click();
    const [made] = await Promise.all([
      page.waitForResponse((answer) => answer.url().endsWith("/create_flow_run")),
      page.getByText("Quick run").click(),
    ]);
    return ((await made.json()) as { name: string }).name;
  });
  const state = await browser.visit(page, `${base}/runs`, async () => {
    const listed = page.locator(".state-list-item__content").filter({ hasText: name }).first();
    const ended = listed.getByText(/^(Completed|Failed|Crashed)$/);
    await ended.waitFor({ timeout: 180_000 });
    return (await ended.textContent()) ?? "";
  });
  return { name, state };
}

/**
 * What the page of an MLflow run shows. MLflow routes behind the #, which is not sent: first the page, then
 * the place in it.
 */
export function mlflowRun(
  browser: TestBrowser,
  page: Page,
  base: string,
  place: { readonly experiment: string; readonly run: string },
): Promise<string | null> {
  return browser.visit(page, base, async () => {
    await page.goto(`${base}/#/experiments/${place.experiment}/runs/${place.run}`);
    await page.getByText("About this run").waitFor({ timeout: 60_000 });
    return page.locator("main").textContent();
  });
}

/** Logs in to JupyterHub, which starts the notebook, and ends in JupyterLab. */
export async function openLab(browser: TestBrowser, page: Page, base: string, login: Login): Promise<void> {
  await browser.visit(page, `${base}/hub/login`);
  await page.getByLabel("Username").fill(login.user);
  await page.getByLabel("Password").fill(login.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  const lab = `/user/${login.user}/lab`;
  // The new container changes the network, and the hub's page that waits for it may miss its end: then ask
  // again.
  for (const until = Date.now() + 240_000; ; ) {
    try {
      await page.waitForURL((at) => at.pathname.startsWith(lab), { timeout: 60_000 });
      await page.locator(".jp-NotebookPanel, .jp-Launcher").first().waitFor({ timeout: 60_000 });
      return;
    } catch (error) {
      if (Date.now() > until) throw error;
      await page.goto(base).catch(() => {});
    }
  }
}

/** Runs code in a cell of a new notebook, and gives back what the cell's output shows once it matches. */
export function runCell(
  browser: TestBrowser,
  page: Page,
  lab: string,
  { code, expected }: { readonly code: string; readonly expected: RegExp },
): Promise<string | null> {
  // A workspace of its own begins with the launcher.
  return browser.visit(page, `${lab}/workspaces/acceptance?reset`, async () => {
    await page.locator('.jp-LauncherCard[data-category="Notebook"]').first().click({ timeout: 60_000 });
    const cell = page.locator(".jp-Notebook .jp-CodeCell").first();
    // What is run before the kernel has started is not run at all.
    await page.getByText(/\| Idle$/).waitFor({ timeout: 60_000 });
    await cell.locator(".cm-content").click();
    await page.keyboard.insertText(code);
    await page.keyboard.press("Shift+Enter");
    const output = cell.locator(".jp-OutputArea-output").filter({ hasText: expected });
    await output.first().waitFor({ timeout: 240_000 });
    return output.first().textContent();
  });
}

/** Stops one's notebook from the hub's page. */
export async function stopNotebook(browser: TestBrowser, page: Page, base: string): Promise<void> {
  await browser.visit(page, `${base}/hub/home`, async () => {
    // The button is there before the script that makes it do something.
    await page.waitForLoadState("networkidle");
    await page.getByRole("button", { name: "Stop My Server" }).click();
  });
  await page.getByRole("button", { name: "Start My Server" }).waitFor({ timeout: 60_000 });
}

/**
 * The scrape pools of Prometheus' targets page, such as "core (1/1 up)", and the endpoints in it that are not
 * up.
 */
export async function targets(page: Page): Promise<{ pools: string[]; notUp: string[] }> {
  await page.locator("td.state").first().waitFor();
  const rows = page.locator("tbody tr");
  const down = rows.filter({ hasNot: page.locator(".state_indicator.alert-success") });
  return { pools: await page.locator("h2.job_header a").allInnerTexts(), notUp: await down.allInnerTexts() };
}

/** Opens VictoriaLogs with a query, as a link to it does, and gives back the lines that its page lists. */
export function searchLogs(browser: TestBrowser, page: Page, base: string, query: string): Promise<string[]> {
  const place = new URLSearchParams({ query, "g0.range_input": "1h", "g0.relative_time": "last_1_hour" });
  return browser.visit(page, `${base}/select/vmui/#/?${place}`, async () => {
    const lines = page.locator(".vm-group-logs-row");
    await lines.first().waitFor();
    return lines.allInnerTexts();
  });
}

/** Logs in to MinIO's console and lists what it shows as buckets. */
export async function consoleBuckets(
  browser: TestBrowser,
  page: Page,
  base: string,
  login: Login,
): Promise<string[]> {
  await browser.visit(page, base, () => page.getByPlaceholder("Username").waitFor());
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
