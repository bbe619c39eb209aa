import { z } from "zod";
import { database, secret } from "../../src/model/needs.ts";
import { t } from "../../src/model/refs.ts";
import { defineService } from "../../src/model/service.ts";
import { server } from "./visits/server.ts";

/** Counts visits: the example of docs/add-a-service.md. */
export const visits = defineService({
  name: "visits",
  summary: "Counts visits to a page.",
  version: "1.0",
  needs: { db: database("visits"), admin: secret({ user: "admin", opens: "the page" }) },
  options: z.strictObject({
    title: z.string().min(1).default("Visits").describe("Title of the page."),
  }),
  parts: {
    main: {
      image: "python",
      command: () => ["python", "/run/datalab/server.py"],
      env: ({ needs: { db, admin }, options, stack }) => ({
        DATABASE_URL: t`postgresql://${db.user}:${db.password}@${db.host}:${db.port}/${db.name}`,
        ADMIN_PASSWORD: admin,
        TITLE: t`${options.title} of ${stack}`,
      }),
      files: () => ({ "server.py": server }),
      endpoints: {
        web: {
          port: 8080,
          protocol: "http",
          summary: "the page",
          published: 8088,
          browser: true,
          login: "admin",
        },
      },
      probe: { command: ["curl", "--fail", "--silent", "http://127.0.0.1:8080/livez"], within: "30s" },
      resources: { cpu: "100m", memory: "128Mi" },
    },
  },
  checks: {
    page: { summary: "The page answers.", http: { part: "main", endpoint: "web", path: "/livez" } },
    count: {
      summary: "A visit is counted.",
      every: "5m",
      secrets: ["admin"],
      run: async ({ endpoints, secrets, signal }) => {
        const authorization = `Basic ${Buffer.from(`admin:${secrets.admin}`).toString("base64")}`;
        const read = async () => {
          const response = await fetch(`${endpoints["main.web"]}/`, { headers: { authorization }, signal });
          if (!response.ok) throw new Error(`the page returned ${response.status}`);
          return ((await response.json()) as { visits: number }).visits;
        };
        const [first, second] = [await read(), await read()];
        if (second <= first) throw new Error(`${first} visits, then ${second}`);
        return undefined;
      },
    },
  },
  backup: "its state is in its database",
});
