import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { onlyInAll } from "../../support/tier.ts";
import { Hub } from "../support/hub.ts";
import { servicePid } from "../support/leftovers.ts";
import { psqlCommand } from "../support/psql.ts";
import type { Stage } from "../support/stage.ts";

/** Seconds after which an unused notebook is stopped, in the chapter's configuration. */
const idle = 30;
const starters = ["1-lake-tour.ipynb", "2-spark.ipynb", "3-mlflow.ipynb", "4-pipeline.ipynb"];

interface Inspected {
  readonly Config: {
    readonly Env: readonly string[];
    readonly User: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Mounts: readonly { readonly Name: string; readonly Destination: string; readonly RW: boolean }[];
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, unknown>> };
}

/** `url`: where the hub is published. The stack has every service that the starter notebooks use. */
export function notebooks(stage: Stage, url: string): void {
  describe("notebooks", () => {
    const hub = new Hub(url);
    // The stage is open only when the tests run.
    const instance = (workload: string) => `datalab-${stage.project.stack}-${workload}`;
    const running = () =>
      stage.project.docker("ps", "--quiet", "--filter", `name=^${instance("notebook-admin")}$`).trim() !== "";

    test("a wrong password is refused, and after a few of them even the next", async () => {
      expect(await hub.login("admin", "admin")).toBe(403);
      for (let i = 0; i < 5; i++) expect(await hub.login("stranger", "guess")).toBe(403);
      expect(await hub.login("stranger", "guess")).toBe(429);
      expect((await hub.request("GET", "/hub/signup")).status).toBe(404);
    });

    test("the admin logs in and gets a container with the starter notebooks", async () => {
      expect(await hub.login("admin", await stage.secret("jupyterhub/admin"))).toBe(302);
      await hub.spawn("admin", 180);
      expect(await hub.files("admin", "starter")).toEqual(starters);
    });

    test("the container is confined, labelled, and shows no secret", () => {
      const [found] = JSON.parse(stage.project.docker("inspect", instance("notebook-admin"))) as [Inspected];
      expect(found.Config.User).toBe("10001:10001");
      expect(found.Config.Labels).toMatchObject({
        "datalab.stack": stage.project.stack,
        "datalab.service": "jupyterhub",
        "datalab.workload": "notebook-admin",
        "datalab.role": "spawned",
      });
      expect(found.HostConfig).toMatchObject({
        ReadonlyRootfs: true,
        Privileged: false,
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges:true"],
        Memory: 2 ** 30,
        MemorySwap: 2 ** 30,
        NanoCpus: 1e9,
        PortBindings: null,
      });
      expect(found.Mounts.map(({ Destination, RW }) => [Destination, RW]).sort()).toEqual([
        ["/home/notebook", true],
        ["/run/datalab", false],
      ]);
      expect(Object.keys(found.NetworkSettings.Networks)).toHaveLength(1);
      expect(found.Config.Env.join("\n")).not.toMatch(/TOKEN|SECRET|PASSWORD|AUTH/);
    });

    test.each(starters)("%s runs from its first cell to its last", { timeout: 400_000 }, async (notebook) => {
      const outputs = await hub.run("admin", await hub.cells("admin", `starter/${notebook}`), 180);
      const all = outputs.join("\n");
      expect(all).not.toContain("This stack has no");
      const expected: Record<string, RegExp> = {
        "1-lake-tour.ipynb": /'lake': True, 'spark': True, 'mlflow': True, 'prefect': True/,
        // 1000 numbers by their remainder of 7: six times 143, and 142.
        "2-spark.ipynb": /143[\s\S]*142/,
        "3-mlflow.ipynb": /version 1 says \[1\.76, 31\.8\]/,
        "4-pipeline.ipynb": /roundtrip Completed/,
      };
      expect(all).toMatch(expected[notebook] as RegExp);
    });

    test("a notebook goes on while the hub restarts, and the hub finds it again", async () => {
      await hub.write("admin", "mine.txt", "kept");
      await hub.write("admin", "starter/4-pipeline.ipynb", "changed");
      stage.project.docker("restart", "--time", "15", instance("jupyterhub"));
      expect(running()).toBe(true);
      await expect
        .poll(() => hub.login("admin", "not the password").catch(() => 0), {
          timeout: 120_000,
          interval: 1000,
        })
        .toBe(403);
      expect(await hub.login("admin", await stage.secret("jupyterhub/admin"))).toBe(302);
      expect(await hub.runs("admin")).toBe(true);
      await hub.answers("admin", 60);
      expect(await hub.run("admin", ["print(6 * 7)"], 60)).toEqual(["42\n"]);
    });

    test("a proxy that is killed has its routes again when it is back, and a lost route is seen", async () => {
      const proxy = instance("jupyterhub-proxy");
      const route = "http://127.0.0.1:8001/api/routes/user/admin";
      const auth = `-H "authorization: token $CONFIGPROXY_AUTH_TOKEN"`;
      // datalab-start gives it the secrets that the proxy's own process has.
      const remove = ["datalab-start", "sh", "-c", `curl -fsS -X DELETE ${auth} ${route}`];
      stage.project.docker("exec", proxy, ...remove);
      const check = ["services", "health", "jupyterhub", "--check"];
      const lost = await stage.project.datalab(...check);
      expect(lost.stdout + lost.stderr).toContain("the proxy has no route to /user/admin");
      process.kill(servicePid(stage.project, proxy), "SIGKILL");
      await expect
        .poll(() => hub.run("admin", ["print(6 * 7)"], 20).catch(() => []), { timeout: 30_000 })
        .toEqual(["42\n"]);
    });

    test("an output of 12 MB arrives", async () => {
      const [shown = ""] = await hub.run(
        "admin",
        ['display({"text/plain": "x" * 12_000_000}, raw=True)'],
        60,
      );
      expect(shown.length).toBe(12_000_001);
    });

    test("files outlive the container, and nobody's changes are written over", async () => {
      await hub.stop("admin");
      expect(running()).toBe(false);
      await hub.spawn("admin", 180);
      expect(await hub.files("admin", "")).toContain("mine.txt");
      const code = ["print(open('/home/notebook/starter/4-pipeline.ipynb').read())"];
      expect(await hub.run("admin", code, 60)).toEqual(["changed\n"]);
    });

    test("a backup holds the lake, the databases and people's files while they are at work, and brings them back", async () => {
      const psql = (sql: string) =>
        stage.project.docker("exec", instance("postgres"), ...psqlCommand("prefect", sql)).trim();
      const rows = "SELECT carrier, count(*) AS n FROM silver.flights GROUP BY carrier ORDER BY carrier";
      const before = [await stage.tables(), await stage.query(rows)];
      const lock = "import os; open('locked.txt', 'w').close(); os.chmod('locked.txt', 0); print('locked')";
      expect(await hub.run("admin", [lock], 60)).toEqual(["locked\n"]);
      const made = await stage.project.json<{ id: string; homes: number; leaves: { what: string }[] }>(
        ...["backup", "create"],
      );
      expect(made.homes).toBe(1);
      const left = made.leaves.filter(({ what }) => /notebook|home/.test(what));
      expect(left).toEqual([{ what: "locked.txt in the home of admin", why: "its owner may not read it" }]);
      await hub.write("admin", "mine.txt", "written over");
      await hub.write("admin", "since.txt", "made since");
      const file = stage.project.write("since.csv", "a,b\n1,2\n");
      await stage.project.json("data", "ingest", file, "since");
      await stage.project.json("data", "ingest", file, "flights");
      expect(psql("UPDATE flow_run SET name = 'wrecked'")).toBe("");
      expect(await stage.tables()).not.toEqual(before[0]);

      const restored = await stage.project.json<{
        homes: number;
        services: string[];
        objects: { removed: number };
      }>(...["backup", "restore", made.id, "--no-save", "--yes"]);
      expect(restored.homes).toBe(1);
      expect(restored.objects.removed).toBeGreaterThan(0);
      expect([await stage.tables(), await stage.query(rows)]).toEqual(before);
      expect(psql("SELECT count(*) FROM flow_run WHERE name = 'wrecked'")).toBe("0");
      expect(restored.services).toContain("jupyterhub");
      expect(running(), "nobody works in a home that is replaced").toBe(false);
      expect(await hub.login("admin", await stage.secret("jupyterhub/admin"))).toBe(302);
      await hub.spawn("admin", 180);
      const files = await hub.files("admin", "");
      expect(files).toContain("mine.txt");
      expect(files).not.toContain("since.txt");
      expect(files).not.toContain("locked.txt");
      const read = "import os; print(open('mine.txt').read(), [f for f in os.listdir() if 'datalab' in f])";
      expect(await hub.run("admin", [read], 60)).toEqual(["kept []\n"]);
      expect(stage.project.docker("ps", "--all", "--quiet", "--filter", "label=datalab.role=backup")).toBe(
        "",
      );
      await hub.stop("admin");
    });

    onlyInAll(() => people(url, instance, stage));
  });
}

/** People of the configuration: their first login, and what becomes of notebooks that nobody uses. */
function people(url: string, instance: (workload: string) => string, stage: Stage): void {
  const ana = new Hub(url);
  const bo = new Hub(url);
  const hubOptions = async (options: Readonly<Record<string, unknown>>) => {
    stage.project.configure((platform) => {
      (platform.services as Record<string, unknown>).jupyterhub = { options };
    });
    await stage.up();
  };
  // Whoever opens a notebook later on may take more time.
  afterAll(() => hubOptions({}));
  const [anas, bos] = ["the first words of ana", "bo thinks of another"];
  test("with firstLogin, people of the configuration set their password by logging in", async () => {
    await hubOptions({
      users: [{ name: "ana" }, { name: "bo" }],
      firstLogin: true,
      idleMinutes: idle / 60,
    });
    expect(await ana.login("cy", anas), "nobody knows cy").toBe(403);
    expect(await ana.login("ana", "too short"), "11 characters are too few").toBe(403);
    expect(await ana.login("ana", anas)).toBe(302);
    expect(await bo.login("ana", bos), "the first login was another's").toBe(403);
    expect(await bo.login("bo", bos)).toBe(302);
    expect(await ana.login("ana", anas)).toBe(302);
    expect((await ana.request("GET", "/hub/invitations")).status, "for the admin only").toBe(403);
  });

  test("what is idle is stopped and keeps its files; what computes goes on, however silent", async () => {
    const containers = () =>
      stage.project
        .docker("ps", "--format", "{{.Names}}", "--filter", `name=^${instance("notebook-")}`)
        .split("\n")
        .filter((name) => name !== "");
    await Promise.all([ana.spawn("ana", 180), bo.spawn("bo", 180)]);
    await ana.write("ana", "mine.txt", "kept");
    const busy = await bo.startKernel("bo");
    const unused = await bo.startKernel("bo");
    const code = `print("begun", flush=True); import time; time.sleep(${12 * idle}); print("never")`;
    expect((await bo.kernels("bo")).map(({ id }) => id).sort()).toEqual([busy, unused].sort());
    await bo.leaveRunning("bo", busy, code, "begun");
    expect(containers().sort()).toEqual([instance("notebook-ana"), instance("notebook-bo")]);
    await expect
      .poll(containers, { timeout: 6 * idle * 1000, interval: 1000 })
      .toEqual([instance("notebook-bo")]);
    // The hub learns of its end a moment after the container has gone.
    await expect.poll(() => ana.runs("ana"), { timeout: 60_000, interval: 500 }).toBe(false);
    // Nobody speaks with bo's notebook for twice as long as an idle one may be.
    await sleep(2 * idle * 1000);
    expect(containers()).toEqual([instance("notebook-bo")]);
    expect(await bo.kernels("bo")).toMatchObject([{ id: busy, execution_state: "busy" }]);
    await ana.spawn("ana", 180);
    expect(await ana.files("ana", "")).toContain("mine.txt");
    await Promise.all([ana.stop("ana"), bo.stop("bo")]);
  });
}
