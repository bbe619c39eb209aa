/**
 * Headless Chromium for tests of the pages: a locally installed one, else the `browser` image. Knows the
 * gateway's login. Every request is looked at: a page that asks anybody but this machine has failed.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Browser, type BrowserContext, chromium, type Page, type Request } from "playwright-core";
import { Catalog } from "../../../src/images/catalog.ts";

const repository = resolve(import.meta.dirname, "../../..");
/** Git ignores it; the pictures stay for whoever wants to look. */
export const pictures = join(repository, "logs/screenshots");
const local = [process.env.DATALAB_CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"];
const docker = process.env.DATALAB_DOCKER ?? "docker";
/** By which the runner finds a container that was left. */
const run = process.env.DATALAB_TEST_RUN ?? "1";

const networkChanged = "ERR_NETWORK_CHANGED";
const attempts = 5;

export interface View {
  readonly colorScheme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
}

/** What people log in with at the gateway. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** A browser, the pages opened in it, and what they asked of others than this machine. */
export class TestBrowser {
  readonly #browser: Browser;
  readonly #stop: () => Promise<void>;
  readonly #contexts = new Set<BrowserContext>();
  /** Requests that Chromium gave up because the machine's network changed. */
  #aborted = 0;
  #abortedAt = 0;
  /** Requests that left this machine. */
  readonly strangers: string[] = [];
  /** Requests that would have left this machine, had the page's content security policy let them. */
  readonly blocked: string[] = [];
  /** What went wrong inside of pages. */
  readonly errors: string[] = [];

  private constructor(browser: Browser, stop: () => Promise<void>) {
    this.#browser = browser;
    this.#stop = stop;
  }

  static async open(): Promise<TestBrowser> {
    const executablePath = local.find((path) => path !== undefined && path !== "" && existsSync(path));
    if (executablePath !== undefined) {
      const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
      return new TestBrowser(browser, async () => {});
    }
    const { url, stop } = await startContainer();
    try {
      return new TestBrowser(await chromium.connectOverCDP(url), stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }

  /** A page in a context of its own: no cookies of others. */
  async page({ colorScheme = "light", width = 1360, height = 900 }: View = {}): Promise<Page> {
    const context = await this.#browser.newContext({ colorScheme, viewport: { width, height } });
    this.#contexts.add(context);
    const page = await context.newPage();
    // The context's requests are the page's and those of its workers.
    context.on("request", (request) => {
      if (leaves(request)) this.strangers.push(request.url());
    });
    context.on("requestfailed", (request) => {
      const reason = request.failure()?.errorText ?? "";
      if (reason.includes(networkChanged)) {
        this.#aborted++;
        this.#abortedAt = Date.now();
      }
      if (!leaves(request) || !/csp/i.test(reason)) return;
      this.strangers.splice(this.strangers.lastIndexOf(request.url()), 1);
      this.blocked.push(request.url());
    });
    page.on("pageerror", (error) => {
      const disturbed = /fetch|network|load/i.test(error.message) && Date.now() - this.#abortedAt < 5000;
      if (!disturbed) this.errors.push(`${page.url()}: ${error.message}`);
    });
    return page;
  }

  /**
   * Opens a page and does something in it. Every container that Docker starts or stops changes this machine's
   * network, and Chromium then gives up whatever it is loading: what such a change has disturbed is done
   * again, from the start.
   */
  async visit<T = void>(
    page: Page,
    url: string,
    act: () => Promise<T> = async () => undefined as T,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const faultless = this.errors.length;
      const before = this.#aborted;
      const disturbed = () => this.#aborted !== before && attempt < attempts;
      try {
        await page.goto(url);
        // A page that has lost a part of itself may look whole for a while.
        if (!disturbed()) return await act();
      } catch (error) {
        if (!disturbed() && !(String(error).includes(networkChanged) && attempt < attempts)) throw error;
      }
      this.errors.length = faultless;
      await sleep(1000);
      await page.goto("about:blank");
    }
  }

  /** Opens a published page, logs in where the gateway asks, and does something where it was asked to go. */
  async enter<T = void>(
    page: Page,
    url: string,
    login: Login,
    act: () => Promise<T> = async () => undefined as T,
  ): Promise<T> {
    return this.visit(page, url, async () => {
      if (new URL(page.url()).pathname.startsWith("/.datalab/login")) {
        await page.fill('[name="user"]', login.user);
        await page.fill('[name="password"]', login.password);
        await Promise.all([
          page.waitForURL((at) => !at.pathname.startsWith("/.datalab/login")),
          page.press('[name="password"]', "Enter"),
        ]);
      }
      return act();
    });
  }

  /** A picture of what is on the screen; returns its path. */
  async picture(page: Page, name: string): Promise<string> {
    mkdirSync(pictures, { recursive: true });
    const path = join(pictures, `${name}.png`);
    await page.screenshot({ path });
    return path;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#contexts].map((context) => context.close()));
    await this.#browser.close().catch(() => {});
    await this.#stop();
  }
}

/** Whether a request asks anybody but this machine. */
function leaves(request: Request): boolean {
  const { hostname, protocol } = new URL(request.url());
  return !["127.0.0.1", "localhost"].includes(hostname) && !["data:", "blob:", "about:"].includes(protocol);
}

/** The `browser` image on this machine's network, so that it reaches what is published on 127.0.0.1. */
async function startContainer(): Promise<{ url: string; stop: () => Promise<void> }> {
  execFileSync(join(repository, "datalab"), ["images", "build", "browser"], { stdio: "ignore" });
  const port = await freePort();
  const name = `datalab-tests-browser-${process.pid}-${port}`;
  const limits = ["--read-only", "--tmpfs", "/tmp:exec,size=512m", "--memory", "1g", "--cap-drop", "ALL"];
  const child = spawn(
    docker,
    [
      ...["run", "--rm", "--name", name, "--label", `datalab.tests=${run}`, "--network", "host", ...limits],
      ...[new Catalog().tag("browser"), "chromium", "--headless=new", "--no-sandbox", "--disable-gpu"],
      ...["--disable-dev-shm-usage", "--no-first-run", "--user-data-dir=/tmp/profile"],
      ...["--remote-debugging-address=127.0.0.1", `--remote-debugging-port=${port}`, "about:blank"],
    ],
    { stdio: "ignore" },
  );
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  const stop = async () => {
    spawn(docker, ["rm", "--force", name], { stdio: "ignore" });
    await ended;
  };
  const url = `http://127.0.0.1:${port}`;
  for (const until = Date.now() + 30_000; Date.now() < until; await sleep(100)) {
    const answers = await fetch(`${url}/json/version`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answers) return { url, stop };
    if (child.exitCode !== null) throw new Error(`the browser's container ended with ${child.exitCode}`);
  }
  await stop();
  throw new Error("the browser in its container did not answer within 30 s");
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address ? done(address.port) : fail(new Error("no port")),
      );
    });
  });
}
