import { request } from "node:http";
import { describe, expect, test } from "vitest";
import type { Stage } from "../support/stage.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** `fetch` sets Host and Cookie headers by itself; this sends what it is told. */
function send(
  url: string,
  headers: Record<string, string> = {},
  form?: Record<string, string>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = form && new URLSearchParams(form).toString();
    const sent = request(url, {
      method: form ? "POST" : "GET",
      headers: { ...headers, ...(form && { "content-type": "application/x-www-form-urlencoded" }) },
      agent: false,
    });
    sent.on("error", reject).on("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }),
      );
    });
    sent.end(body);
  });
}

interface Endpoint {
  readonly name: string;
  readonly url: string;
  readonly protocol: "http" | "tcp";
  readonly auth: "gateway" | "own";
  readonly login: { readonly user: string; readonly secret: string } | null;
}

/** The one login of a stack that has a gateway. */
export function gateway(stage: Stage): void {
  let endpoints: Endpoint[] = [];
  let cookie = "";
  const guarded = () => endpoints.filter(({ auth, protocol }) => auth === "gateway" && protocol === "http");
  const services = () => stage.project.json<{ name: string; endpoints: Endpoint[] }[]>("services", "list");
  const bearer = async () => ({ authorization: `Bearer ${await stage.secret("gateway/token")}` });

  describe("the platform's login", () => {
    test("every published port without a login is refused", async () => {
      const listed = await services();
      endpoints = listed.flatMap((s) => s.endpoints).filter(({ url }) => url !== null);
      expect(guarded().length).toBeGreaterThan(3);
      for (const { url } of guarded()) {
        expect((await send(url)).status, url).toBe(401);
        const page = await send(url, { accept: "text/html" });
        expect([page.status, String(page.headers.location).split("?")[0]], url).toEqual([
          303,
          "/.datalab/login",
        ]);
      }
    });

    test("a name that is not served gets nothing", async () => {
      for (const { url } of endpoints.filter(({ protocol }) => protocol === "http")) {
        expect((await send(url, { host: "evil.example", ...(await bearer()) })).status, url).toBe(421);
      }
    });

    test("a wrong password is refused, and default logins of the products as well", async () => {
      const { origin } = new URL(guarded()[0]?.url ?? "");
      const wrong = await send(`${origin}/.datalab/login`, { origin }, { user: "admin", password: "admin" });
      expect(wrong.status).toBe(401);
      expect(wrong.headers["set-cookie"]).toBeUndefined();
      for (const login of ["admin:password1234", "admin:password", "admin:admin"]) {
        const authorization = `Basic ${btoa(login)}`;
        for (const { url, login: own } of guarded()) {
          const path = own?.secret.startsWith("prefect/")
            ? "/api/admin/version"
            : "/api/2.0/mlflow/users/current";
          expect([401, 403, 404], url).toContain(
            (await send(new URL(path, url).href, { authorization })).status,
          );
        }
      }
    });

    test("logging in at one port opens all, with a cookie that scripts and other sites don't get", async () => {
      const { origin } = new URL(guarded()[0]?.url ?? "");
      const password = await stage.secret("gateway/admin");
      const answer = await send(
        `${origin}/.datalab/login`,
        { origin },
        { user: "admin", password, next: "/" },
      );
      expect([answer.status, answer.headers.location]).toEqual([303, "/"]);
      const [line = ""] = answer.headers["set-cookie"] ?? [];
      expect(line).toMatch(/^datalab_[a-z0-9-]+=[\w.-]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/);
      cookie = line.split(";")[0] ?? "";
      for (const { url } of guarded()) {
        expect([401, 403, 421, 502, 503], url).not.toContain((await send(url, { cookie })).status);
      }
    });

    test("a page of another port can't use the session", async () => {
      for (const { url } of guarded()) {
        const refused = await send(url, { cookie, origin: "http://127.0.0.1:1" }, { a: "b" });
        expect(refused.status, url).toBe(403);
      }
    });

    test("the token opens core, Prefect and MLflow for programs", async () => {
      const paths = {
        core: "/health",
        prefect: "/api/admin/version",
        mlflow: "/api/2.0/mlflow/users/current",
      };
      const listed = await services();
      for (const [name, path] of Object.entries(paths)) {
        const service = listed.find((s) => s.name === name);
        const url = service?.endpoints.find(({ auth }) => auth === "gateway")?.url;
        if (url) expect((await send(new URL(path, url).href, await bearer())).status, name).toBe(200);
      }
    });

    test("logging out closes it, for copies of the cookie too", async () => {
      const { origin } = new URL(guarded()[0]?.url ?? "");
      expect((await send(`${origin}/.datalab/logout`, { origin, cookie }, {})).status).toBe(303);
      for (const { url } of guarded()) expect((await send(url, { cookie })).status, url).toBe(401);
    });
  });
}
