import { basicAuth } from "../../model/basic-auth.ts";
import type { CheckContext } from "../../model/service.ts";

/** The proxy has the hub's route, and leads to the hub's login page. */
export async function loginPage({ endpoints, secrets, signal }: CheckContext): Promise<string | undefined> {
  const routes = await fetch(`${endpoints["proxy.api"]}/api/routes`, {
    headers: { authorization: `token ${secrets.proxy}` },
    signal,
  });
  if (!routes.ok) throw new Error(`the proxy's list of routes answered ${routes.status}`);
  const known = Object.keys((await routes.json()) as object);
  if (!known.includes("/")) throw new Error("the proxy has no route to the hub");
  const page = await fetch(`${endpoints["proxy.web"]}/hub/login`, { signal });
  if (page.status !== 200) throw new Error(`the login page answered ${page.status}`);
  if (!(await page.text()).includes('name="password"'))
    throw new Error("the login page does not ask for a password");
  const home = await fetch(`${endpoints["proxy.web"]}/hub/home`, { redirect: "manual", signal });
  if (home.status !== 302 || !home.headers.get("location")?.startsWith("/hub/login"))
    throw new Error(
      `without a login the hub answered ${home.status} instead of redirecting to its login page`,
    );
  const notebooks = known.filter((route) => route.startsWith("/user/")).length;
  return `${notebooks} ${notebooks === 1 ? "notebook runs" : "notebooks run"}`;
}

/** The agent answers the login that the hub has, and refuses others. */
export async function spawnerProxy({ needs, signal }: CheckContext): Promise<string | undefined> {
  const docker = needs.docker;
  if (!docker?.host) return "the agent is disabled: no notebook can be started";
  const url = `http://${docker.host}:${docker.port}/_ping`;
  const authorization = basicAuth(docker);
  const answer = await fetch(url, { headers: { authorization }, signal });
  if (!answer.ok) throw new Error(`the agent answered ${answer.status} to the hub's login`);
  const stranger = await fetch(url, { signal });
  if (stranger.status !== 401)
    throw new Error(`the agent answered ${stranger.status} without a login, not 401`);
  return undefined;
}

/** The hub's account may make what a notebook needs: the hub asks the cluster, and says what it may not. */
export async function spawnerMay({ endpoints, signal }: CheckContext): Promise<string | undefined> {
  const answer = await fetch(`${endpoints["main.hub"]}/hub/spawner`, { signal });
  const text = await answer.text();
  if (answer.ok) return undefined;
  const problem = answer.status === 503 ? (JSON.parse(text) as { problem: string }).problem : undefined;
  throw new Error(problem ?? `the hub answered ${answer.status} when asked whether it may start notebooks`);
}
