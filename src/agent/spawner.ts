/**
 * A restricted proxy of the Docker API, for JupyterHub's DockerSpawner (dockerspawner 14, docker-py 7) and
 * nobody else.
 *
 * CONTRACT
 *   URL      tcp://agent:2375 = workload `agent`, endpoint `docker`:
 *            `endpoint("agent", "docker", { optional: true })` grants { host, port, url, user: "hub",
 *            password }. docker-py wants `base_url="tcp://<host>:<port>"`.
 *   Header   `Authorization: Basic base64("hub:<password>")`, else 401. docker-py sends it when
 *            $DOCKER_CONFIG names a folder whose config.json holds {"HttpHeaders": {"Authorization": "Basic
 *            ..."}} (docker/utils/decorators.py update_headers, on every request, the version question of the
 *            constructor included). Or: the APIClient is a requests session.
 *   Names    containers `<instancePrefix>notebook-<user>` or `<instancePrefix>notebook-<user>--<server>`,
 *            where <user> and <server> are [a-z0-9-] as DockerSpawner's default escape makes them:
 *            name_template = "<instancePrefix>notebook-{username}", with named servers
 *            "...notebook-{username}--{servername}". Home volume `<instancePrefix>notebook-<user>-home`: made
 *            here when it is missing; the hub need not name it.
 *   Calls    GET/HEAD /_ping, GET /version; GET /images/<the image>/json; POST /containers/create?name=; GET
 *            /containers/<c>/json; POST /containers/<c>/{start,stop,kill}; DELETE /containers/<c>; POST
 *            /volumes/create, GET /volumes/<home volume>. <c> is a name or id of a container of this stack
 *            that was made here. Everything else: 403, and a line in the log.
 *   Create   of the request's body only these are taken: Cmd, Env (may hold secrets: they go to a file of the
 *            container, and are in its environment but not in `docker inspect`), HostConfig.Memory,
 *            HostConfig.CpuQuota/CpuPeriod or NanoCpus (each cut to the maximum below). What breaks
 *            confinement (Privileged, Binds other than the home volume, Mounts, Devices, PortBindings,
 *            PidMode host, CapAdd, ...) is refused with 403, never silently dropped.
 *   Result   image and network of the configuration, user 10001, read-only root, tmpfs /tmp, home volume at
 *            `home` (HOME of the process is set to it), no capabilities, no-new-privileges, memory/cpu/pids
 *            limits, no ports, no restart, json-file logs, labels datalab.stack, datalab.service=jupyterhub,
 *            datalab.workload=notebook-<user>[--<server>], datalab.role=spawned; host name and network alias
 *            = the workload's name.
 *   Needed   DockerSpawner.remove = True, pull_policy = "never", network_name = ctx.networkName,
 *            use_internal_ip = True, port 8888 or any, no volumes/binds (or only { home volume: home }). The
 *            image needs `home` owned by 10001.
 *   Config   agent.json, key `spawner`: { token, image, network, service, home: "/home/notebook",
 *            memoryBytes, maxMemoryBytes, milliCpu, maxMilliCpu, pids, tmpBytes }.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { isLogin } from "../model/basic-auth.ts";
import { labelNames, spawnedRole } from "../model/names.ts";
import type { AgentConfig, SpawnerConfig } from "./config.ts";
import {
  type Confines,
  confine,
  isHome,
  Refusal,
  type SpawnedNames,
  spawnedNames,
  volumeLabels,
} from "./confinement.ts";
import type { DockerAnswer, DockerApi } from "./docker/api.ts";
import { removeEnvironment, writeEnvironment } from "./env-volume.ts";

/** How many requests were let through, refused, or carried no login. */
export interface ProxyCounts {
  allowed: number;
  refused: number;
  unauthenticated: number;
}

export interface DockerProxy {
  readonly server: Server;
  readonly counts: ProxyCounts;
}

const bodyLimit = 512 * 1024;

/** The proxy as a server that is not listening yet. */
export function createDockerProxy(
  docker: DockerApi,
  config: Pick<AgentConfig, "stack" | "instancePrefix"> & { readonly spawner: SpawnerConfig },
  log: (line: string) => void,
): DockerProxy {
  const { stack, instancePrefix, spawner } = config;
  const confines: Confines = { ...spawner, stack, instancePrefix };
  const counts: ProxyCounts = { allowed: 0, refused: 0, unauthenticated: 0 };
  const login = { user: spawner.user, password: spawner.token };

  const answer = async (request: IncomingMessage): Promise<DockerAnswer> => {
    if (!isLogin(request.headers.authorization, login)) {
      counts.unauthenticated++;
      return message(401, "the Docker proxy requires a login");
    }
    try {
      const passed = await pass(docker, confines, request);
      counts.allowed++;
      return passed;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      counts.refused++;
      log(`refused ${request.method} ${request.url?.slice(0, 200)}: ${error.message}`);
      return message(403, `refused by the platform's agent: ${error.message}`);
    }
  };

  const server = createServer({ headersTimeout: 5_000, requestTimeout: 30_000 }, (request, response) => {
    answer(request)
      .catch((error: Error) => {
        log(`${request.method} ${request.url?.slice(0, 200)} failed: ${error.message}`);
        return message(502, "Docker did not answer; the agent's log says why");
      })
      .then(({ status, contentType, body }) => {
        const bodyless = status === 204 || status === 304;
        response.writeHead(status, {
          ...(contentType && { "content-type": contentType }),
          ...(!bodyless && { "content-length": body.length }),
          ...(!request.complete && { connection: "close" }),
        });
        response.end(bodyless || request.method === "HEAD" ? undefined : body);
      });
  });
  return { server, counts };
}

/** One request: to Docker in the form that is safe, or a Refusal. */
async function pass(docker: DockerApi, confines: Confines, request: IncomingMessage): Promise<DockerAnswer> {
  const method = request.method ?? "GET";
  const url = URL.parse(`http://docker${request.url}`);
  if (!url) throw new Refusal("the path can't be read");
  const path = url.pathname.replace(/^\/v1\.\d+(?=\/)/, "");
  const is = (wanted: string, pattern: RegExp) => (method === wanted ? pattern.exec(path) : null);

  if ((method === "GET" || method === "HEAD") && path === "/_ping") return docker.ask(method, path);
  if (method === "GET" && path === "/version") return docker.ask(method, path);
  const image = is("GET", /^\/images\/(.+)\/json$/)?.[1];
  if (image !== undefined) {
    if (decode(image) !== confines.image) throw new Refusal(`the image ${decode(image)} may not be spawned`);
    return docker.ask("GET", `/images/${encodeURIComponent(confines.image)}/json`);
  }
  if (method === "POST" && path === "/containers/create") {
    const name = url.searchParams.get("name") ?? "";
    const names = spawnedNames(confines, name);
    if (!names) throw new Refusal(`a container may not be named "${name.slice(0, 100)}"`);
    return create(docker, confines, names, await bodyOf(request));
  }
  const [, inspected] = is("GET", /^\/containers\/([^/]+)\/json$/) ?? [];
  if (inspected !== undefined) return (await own(docker, confines, decode(inspected))).answer;
  const [, changed, action] = is("POST", /^\/containers\/([^/]+)\/(start|stop|kill)$/) ?? [];
  if (changed !== undefined) {
    const { id, answer } = await own(docker, confines, decode(changed));
    return id === undefined ? answer : docker.ask("POST", `/containers/${id}/${action}${query(action, url)}`);
  }
  const [, removed] = is("DELETE", /^\/containers\/([^/]+)$/) ?? [];
  if (removed !== undefined) return remove(docker, confines, decode(removed), url);
  if (method === "POST" && path === "/volumes/create") {
    const { Name } = ((await bodyOf(request)) ?? {}) as { Name?: unknown };
    return makeHome(docker, confines, String(Name));
  }
  const [, volume] = is("GET", /^\/volumes\/([^/]+)$/) ?? [];
  if (volume !== undefined) {
    if (!isHome(confines, decode(volume))) throw new Refusal("only home volumes can be seen");
    return docker.ask("GET", `/volumes/${decode(volume)}`);
  }
  throw new Refusal("this call is not allowed");
}

async function create(
  docker: DockerApi,
  confines: Confines,
  names: SpawnedNames,
  asked: unknown,
): Promise<DockerAnswer> {
  const { body, environment } = confine(confines, names, asked);
  // Its variables are in use as long as it is there.
  const there = await docker.ask("GET", `/containers/${names.container}/json`);
  if (there.status === 200) return message(409, `the container ${names.container} exists already`);
  const home = await makeHome(docker, confines, names.home);
  if (home.status >= 400) return home;
  await writeEnvironment(docker, confines, names, environment);
  const created = await docker.ask("POST", `/containers/create?name=${names.container}`, { body });
  if (created.status >= 400) await removeEnvironment(docker, names);
  return created;
}

async function remove(docker: DockerApi, confines: Confines, name: string, url: URL): Promise<DockerAnswer> {
  const { id, names, answer } = await own(docker, confines, name);
  if (id === undefined) return answer;
  const force = /^(?:1|true)$/i.test(url.searchParams.get("force") ?? "");
  const removed = await docker.ask("DELETE", `/containers/${id}?v=true&force=${force}`);
  if (removed.status < 300 && names) await removeEnvironment(docker, names);
  return removed;
}

/** Makes a home volume; one of this name that belongs to somebody else is left alone. */
async function makeHome(docker: DockerApi, confines: Confines, name: string): Promise<DockerAnswer> {
  if (!isHome(confines, name)) throw new Refusal(`"${name.slice(0, 100)}" is not a home volume`);
  const labels = volumeLabels(confines, "data");
  const made = await docker.ask("POST", "/volumes/create", {
    body: { Name: name, Driver: "local", Labels: labels },
  });
  if (made.status >= 400) return made;
  const found = (JSON.parse(made.body.toString()) as { Labels: Record<string, string> | null }).Labels ?? {};
  if (found[labelNames.stack] !== confines.stack) throw new Refusal(`the volume ${name} is another stack's`);
  return made;
}

/**
 * The container of this name or id when it was spawned here; Docker's answer, without an id, when there is
 * none.
 */
async function own(
  docker: DockerApi,
  confines: Confines,
  name: string,
): Promise<{ id?: string; names?: SpawnedNames; answer: DockerAnswer }> {
  if (!/^[\w.-]+$/.test(name)) throw new Refusal("this is not a container name");
  const answer = await docker.ask("GET", `/containers/${name}/json`);
  if (answer.status >= 400) return { answer };
  const { Id, Name, Config } = JSON.parse(answer.body.toString()) as {
    Id: string;
    Name: string;
    Config: { Labels: Record<string, string> | null };
  };
  const labels = Config.Labels ?? {};
  const names = spawnedNames(confines, Name.replace(/^\//, ""));
  const mine = labels[labelNames.stack] === confines.stack && labels[labelNames.role] === spawnedRole;
  if (!names || !mine) throw new Refusal(`the container ${name.slice(0, 100)} was not spawned here`);
  return { id: Id, names, answer };
}

/** What stop and kill may be told. */
function query(action: string | undefined, url: URL): string {
  const seconds = Number(url.searchParams.get("t") ?? "10");
  if (action === "stop") return `?t=${Number.isInteger(seconds) ? Math.min(Math.max(seconds, 0), 60) : 10}`;
  const signal = url.searchParams.get("signal") ?? "";
  return action === "kill" && /^[A-Z0-9]{1,12}$/.test(signal) ? `?signal=${signal}` : "";
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refusal("the path can't be read");
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bodyLimit) throw new Refusal(`a body has at most ${bodyLimit} bytes`);
    chunks.push(chunk);
  }
  try {
    return length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Refusal("the body is not JSON");
  }
}

/** An answer in Docker's own shape for errors. */
const message = (status: number, text: string): DockerAnswer => ({
  status,
  contentType: "application/json",
  body: Buffer.from(JSON.stringify({ message: text })),
});
