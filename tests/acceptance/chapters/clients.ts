import { describe, expect, test } from "vitest";
import { Catalog } from "../../../src/images/catalog.ts";
import { basicAuth } from "../../../src/model/basic-auth.ts";
import { clientSections, type Section, shown } from "../../support/clients-page.ts";
import { onlyInAll } from "../../support/tier.ts";
import { outside, type Settings, scriptOf, settingsOf } from "../support/outside.ts";
import type { Stage } from "../support/stage.ts";

/** The setting that holds a section's login, and how its client says that a wrong one is refused. */
const refusals = [
  { section: "MLflow", login: "MLFLOW_TRACKING_TOKEN", says: /E_TOKEN.*This token is not valid here/ },
  { section: "Prefect", login: "PREFECT_API_AUTH_STRING", says: /401 Unauthorized/ },
  { section: "PostgreSQL", login: "PGPASSWORD", says: /password authentication failed for user "postgres"/ },
  { section: "s5cmd", login: "AWS_SECRET_ACCESS_KEY", says: /SignatureDoesNotMatch/ },
  { section: "Spark Connect", login: "SPARK_REMOTE", says: /UNAUTHENTICATED/ },
  { section: "JupyterHub", login: "JUPYTERHUB_PASSWORD", says: /403 Client Error: Forbidden/ },
];

/** docs/clients.md, block by block. The flights are in the lake, and nobody has a notebook. */
export function clients(stage: Stage): void {
  describe("each product's own client, by the blocks of docs/clients.md", () => {
    const sections = clientSections();
    const section = (name: string): Section => {
      const found = sections.get(name);
      if (found === undefined) throw new Error(`docs/clients.md has no section ${name}`);
      return found;
    };
    const known = new Map<string, Promise<Settings>>();
    const settingsFor = (name: string): Promise<Settings> => {
      const found = known.get(name) ?? settingsOf(stage, section(name));
      known.set(name, found);
      return found;
    };
    // The one with psql is not the one with the Python clients.
    const imageFor = (name: string) => (name === "PostgreSQL" ? new Catalog().tag("services") : stage.image);
    const follow = async (name: string, script = scriptOf(stage, section(name))): Promise<void> => {
      const { code, stdout, stderr } = await outside(imageFor(name), await settingsFor(name), script);
      expect(code, `${stdout}\n${stderr}`).toBe(0);
      expect(shown(stdout, section(name).printed), `${stdout}\n${stderr}`).toEqual(section(name).printed);
    };

    test("MLflow: a run with a file, and a model that is registered, found by its alias and used", async () => {
      await follow("MLflow");
    });

    test("Prefect: a flow is served, run and watched to its end, and its log read back", async () => {
      const [serve, use = ""] = section("Prefect").commands;
      // The page has two shells; here the first is in the background, and its end is the end of all.
      const both = `{ ${serve} } >serve.log 2>&1 &
until grep --quiet "is being served" serve.log; do kill -0 $! || { cat serve.log >&2; exit 1; }; sleep 0.2; done
`;
      await follow("Prefect", scriptOf(stage, { ...section("Prefect"), commands: [both, use] }));
      // Other chapters count pipelines, and take the first.
      const api = `http://127.0.0.1:${stage.port(4200)}/api/deployments`;
      const authorization = basicAuth({ user: "admin", password: await stage.secret("prefect/admin") });
      const served = await fetch(`${api}/name/hello/laptop`, { headers: { authorization } });
      const { id } = (await served.json()) as { id: string };
      const gone = await fetch(`${api}/${id}`, { method: "DELETE", headers: { authorization } });
      expect(gone.status).toBe(204);
    });

    onlyInAll(() =>
      test("Prefect: a pipeline of the platform is run by its worker, and watched to its end", async () => {
        await follow("Runs on the platform");
      }),
    );

    test("PostgreSQL: psql asks in two databases", async () => {
      await follow("PostgreSQL");
    });

    test("S3 by boto3: objects of 20 MB, and an address that opens one without a login", async () => {
      await follow("boto3");
    });

    test("S3 by s5cmd: objects of 20 MB, and an address that opens one without a login", async () => {
      await follow("s5cmd");
    });

    test("Spark Connect: a Delta table is written and read", async () => {
      await follow("Spark Connect");
    });

    test("JupyterHub: a server is started, used and stopped", async () => {
      await follow("JupyterHub");
    });

    test.each(refusals)("$section refuses a wrong login at once", async ({ section: name, login, says }) => {
      const commands = section(name).commands.slice(0, 1);
      const own = await settingsFor(name);
      const wrong = own[login]?.replace(/[\w-]{40}$/, "guess") ?? "";
      expect(wrong).toMatch(/guess$/);
      const script = scriptOf(stage, { ...section(name), commands });
      const { code, stdout, stderr, seconds } = await outside(
        imageFor(name),
        { ...own, [login]: wrong },
        script,
      );
      expect(code, stdout + stderr).toBeGreaterThan(0);
      expect(stdout + stderr).toMatch(says);
      expect(seconds).toBeLessThan(30);
    });
  });
}
