import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { onlyInAll } from "../../support/tier.ts";
import { eventually } from "../support/eventually.ts";
import * as shapes from "../support/shapes.ts";
import type { Stage } from "../support/stage.ts";
import { cannotStart } from "./failing-service.ts";

/** A page that answers, counts its visits for Prometheus, and says so in its log: one file, nothing else. */
const yaml = `name: toy
summary: Counts visits, for the acceptance tests.
version: "1.2"
owner: toy makers
backup: "none: it holds nothing"
parts:
  main:
    image: python
    command: [python, -u, /run/datalab/server.py]
    files:
      server.py: |
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
        class Toy(BaseHTTPRequestHandler):
            visits = 0
            def do_GET(self):
                Toy.visits += self.path == "/"
                body = f"toy_visits_total {Toy.visits}\\n".encode()
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
        print("the toy is wound up")
        ThreadingHTTPServer(("0.0.0.0", 8081), Toy).serve_forever()
    endpoints:
      web: { port: 8081, summary: the toy's page, published: 8089, browser: true, internal: [/metrics] }
    metrics:
      main: { endpoint: web, every: 5s }
    probe: { command: [curl, --fail, --silent, http://127.0.0.1:8081/], within: 30s }
    resources: { cpu: 50m, memory: 64Mi }
checks:
  page: { summary: The toy answers., every: 30s, http: { endpoint: web, path: / } }
`;

/** The same as a part of the platform: one file in src/services and one line in its registry. */
const typescript = `import { z } from "zod";
import { defineService } from "../model/service.ts";

export const spinner = defineService({
  name: "spinner",
  summary: "Spins, for the acceptance tests.",
  version: "2.0",
  needs: {},
  options: z.strictObject({
    speed: z.int().min(1).default(33).describe("Turns a minute of the spinner."),
  }),
  parts: {
    main: {
      image: "python",
      command: () => ["python", "-u", "-m", "http.server", "8082", "--directory", "/run/datalab"],
      files: ({ options }) => ({ "index.html": \`\${options.speed} turns a minute\` }),
      endpoints: { web: { port: 8082, protocol: "http", summary: "the spinner" } },
      probe: { command: ["curl", "--fail", "--silent", "http://127.0.0.1:8082/"], within: "30s" },
      resources: { cpu: "50m", memory: "64Mi" },
    },
  },
  checks: { page: { summary: "It spins.", every: "30s", http: { part: "main", endpoint: "web", path: "/" } } },
  backup: "none: it holds nothing",
});
`;

interface Registered {
  readonly services: readonly {
    readonly name: string;
    readonly version: string;
    readonly owner: string;
    readonly state: string;
  }[];
}

/** Adding a service: docs/add-a-service.md. Needs the whole platform. */
export function toyService(stage: Stage): void {
  const bearer = async () => ({ authorization: `Bearer ${await stage.secret("gateway/token")}` });
  const ask = async <T>(port: number, path: string): Promise<T> => {
    const answer = await fetch(`http://127.0.0.1:${stage.port(port)}${path}`, {
      headers: await bearer(),
      signal: AbortSignal.timeout(15_000),
    });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const state = async (service: string) =>
    shapes.status
      .parse(await stage.project.json("platform", "status"))
      .services.find(({ name }) => name === service)?.state;
  const query = async (expression: string) =>
    (
      await ask<{ data: { result: { metric: Record<string, string>; value: [number, string] }[] } }>(
        9090,
        `/api/v1/query?query=${encodeURIComponent(expression)}`,
      )
    ).data.result;

  describe("a service that can't start", () => cannotStart(stage));

  describe("a service that is one YAML file", () => {
    afterAll(async () => {
      stage.project.configure((platform) => {
        delete platform.serviceFiles;
      });
      await stage.up();
      expect(await state("toy")).toBeUndefined();
    }, 300_000);

    test("comes up with the others, and its page is behind the gateway's login", async () => {
      stage.project.write("services/toy.yaml", yaml);
      stage.project.configure((platform) => {
        platform.serviceFiles = ["services/toy.yaml"];
      });
      await stage.up();
      expect(await state("toy")).toBe("healthy");
      const page = `http://127.0.0.1:${stage.port(8089)}/`;
      const stranger = await fetch(page, { redirect: "manual" });
      expect([302, 303, 401, 403]).toContain(stranger.status);
      const known = await fetch(page, { headers: await bearer() });
      expect(await known.text()).toMatch(/^toy_visits_total [1-9]/);
      // What is internal is not for the gateway's guests.
      expect((await fetch(`${page}metrics`, { headers: await bearer() })).status).toBe(404);
    });

    test("is in the registry, with version and owner", async () => {
      const { services } = await ask<Registered>(7070, "/registry");
      expect(services.find(({ name }) => name === "toy")).toMatchObject({
        version: "1.2",
        owner: "toy makers",
        state: "healthy",
      });
      const list = await stage.project.json<{ name: string; version: string; url: string }[]>(
        "services",
        "list",
      );
      expect(list.find(({ name }) => name === "toy")).toMatchObject({
        version: "1.2",
        url: expect.stringContaining(`:${stage.port(8089)}`),
      });
    });

    test("its own metrics, its state and its container's figures are in Prometheus", async () => {
      await eventually("its metric is read", 60, async () => {
        const [found] = await query("toy_visits_total");
        return (
          found?.metric.service === "toy" && found.metric.workload === "toy" && Number(found.value[1]) > 0
        );
      });
      await eventually("its state is read", 60, async () => (await query('{service="toy"}')).length > 3);
    });

    test("what it prints is among the logs", async () => {
      await eventually("its line is there", 60, async () => {
        const ran = await stage.project.datalab("services", "logs", "toy", "--json");
        return ran.code === 0 && ran.stdout.includes("the toy is wound up");
      });
    });

    test("the dashboard shows it from the same registry", async () => {
      // What its pages call, in the dashboard's own container and environment.
      const script =
        "import os, sys; sys.path.insert(0, os.environ.get('DATALAB_DASHBOARD', '/opt/dashboard'));" +
        "from backends.fetch import gather; from backends import core;" +
        "said = gather(registry=core.registry(), health=core.health());" +
        "print(core.by_name(said['registry'].value)['toy']['summary'], core.by_name(said['health'].value)['toy']['state'])";
      const told = stage.project.dockerOutput(
        ...["exec", stage.container("dashboard"), "datalab-start", "python", "-W", "ignore", "-c", script],
      );
      expect(told).toContain("Counts visits, for the acceptance tests. healthy");
    });

    test("can be stopped and started like any other", async () => {
      await stage.project.json("services", "stop", "toy");
      const ran = await stage.project.datalab("platform", "status", "--json");
      const { services } = shapes.status.parse(JSON.parse(ran.stdout));
      expect(services.find(({ name }) => name === "toy")?.state).toBe("stopped");
      await stage.project.json("services", "start", "toy");
      expect(await state("toy")).toBe("healthy");
    });
  });

  onlyInAll(() =>
    describe("a service that is one TypeScript file and one line in the registry", () => {
      const registry = "src/services/index.ts";
      let before = "";
      afterAll(async () => {
        if (before !== "") stage.project.write(registry, before);
        await stage.up();
      }, 300_000);

      test("is part of the platform: configuration, documentation, status", async () => {
        before = readFileSync(stage.project.path(registry), "utf8");
        stage.project.write("src/services/spinner.ts", typescript);
        const listed = before
          .replace(/^import /m, 'import { spinner } from "./spinner.ts";\nimport ')
          .replace(/(export const services[^=]*= \[)/, "$1spinner, ");
        expect(listed).toContain("= [spinner, ");
        stage.project.write(registry, listed);
        const docs = await stage.project.shell("npm run --silent docs");
        expect(docs.code, docs.stderr).toBe(0);
        const reference = readFileSync(stage.project.path("docs/config.md"), "utf8");
        expect(reference).toContain("Turns a minute of the spinner.");
        expect(reference).toContain("Spins, for the acceptance tests.");
        await stage.up();
        expect(await state("spinner")).toBe("healthy");
        const { services } = await ask<Registered>(7070, "/registry");
        expect(services.find(({ name }) => name === "spinner")).toMatchObject({ version: "2.0" });
      });
    }),
  );
}
