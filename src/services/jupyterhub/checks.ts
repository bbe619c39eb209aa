import { basicAuth } from "../../model/basic-auth.ts";
import type { CheckContext } from "../../model/service.ts";

/** Paths that the proxy has a route for; it keeps them without a slash at the end. */
async function routesOf({ endpoints, secrets, signal }: CheckContext): Promise<string[]> {
  const routes = await fetch(`${endpoints["proxy.api"]}/api/routes`, {
    headers: { authorization: `token ${secrets.proxy}` },
    signal,
  });
  if (!routes.ok) throw new Error(`the proxy's list of routes answered ${routes.status}`);
  return Object.keys((await routes.json()) as object);
}

/** The proxy leads to the hub's login page, and to nothing else without a login. */
export async function loginPage({ endpoints, signal }: CheckContext): Promise<string | undefined> {
  const page = await fetch(`${endpoints["proxy.web"]}/hub/login`, { signal });
  if (page.status !== 200) throw new Error(`the login page answered ${page.status}`);
  if (!(await page.text()).includes('name="password"'))
    throw new Error("the login page does not ask for a password");
  const home = await fetch(`${endpoints["proxy.web"]}/hub/home`, { redirect: "manual", signal });
  if (home.status !== 302 || !home.headers.get("location")?.startsWith("/hub/login"))
    throw new Error(
      `without a login the hub answered ${home.status} instead of redirecting to its login page`,
    );
  return undefined;
}

interface HubUser {
  readonly servers: Readonly<Record<string, { readonly url: string; readonly ready: boolean }>>;
}
/** The most that the hub gives at once. */
const pageSize = 200;

/** Paths of the notebooks that the hub calls ready, decoded as the proxy has them. */
async function readyNotebooks({ endpoints, secrets, signal }: CheckContext): Promise<string[]> {
  const found: string[] = [];
  for (let offset = 0; ; offset += pageSize) {
    const query = `state=ready&offset=${offset}&limit=${pageSize}`;
    const answer = await fetch(`${endpoints["main.hub"]}/hub/api/users?${query}`, {
      headers: { authorization: `token ${secrets.proxy}` },
      signal,
    });
    if (!answer.ok) throw new Error(`the hub's list of notebooks answered ${answer.status}`);
    const users = (await answer.json()) as HubUser[];
    const ready = users.flatMap(({ servers }) => Object.values(servers).filter((server) => server.ready));
    found.push(...ready.map(({ url }) => decodeURIComponent(url).replace(/\/$/, "")));
    if (users.length < pageSize) return found;
  }
}

/** The proxy has a route to the hub and to each notebook; names those that nobody can reach. */
export async function notebookRoutes(context: CheckContext): Promise<string | undefined> {
  const ready = await readyNotebooks(context);
  const known = new Set(await routesOf(context));
  if (!known.has("/")) throw new Error("the proxy has no route to the hub");
  const lost = ready.filter((notebook) => !known.has(notebook));
  if (lost.length > 0) {
    // One that was stopped between the two questions has no route, and is not missed.
    const still = new Set(await readyNotebooks(context));
    const missed = lost.filter((notebook) => still.has(notebook));
    if (missed.length > 0) throw new Error(`the proxy has no route to ${missed.join(", ")}`);
  }
  return `${ready.length} ${ready.length === 1 ? "notebook runs" : "notebooks run"}`;
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
