/** An agent and a log store as pods of a real cluster, without the rest of the platform. */
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { imageTag } from "../../../../src/images/catalog.ts";
import { apply, kubectl, pushed } from "./cluster.ts";

const root = resolve(import.meta.dirname, "../../../..");
export const namespace = "datalab-accagent";
const stack = "accagent";
const password = "store-0123456789abcdef";

interface PodOptions {
  readonly image?: "base" | "services" | "core";
  readonly restartPolicy?: "Always" | "Never";
  readonly memory?: string;
  /** Further containers: name and script. */
  readonly beside?: Readonly<Record<string, string>>;
  readonly prepare?: Readonly<Record<string, string>>;
  readonly account?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly service?: string;
}

export class AgentPods {
  #images: Record<string, string> = {};

  /**
   * A namespace under Pod Security `restricted`, with what the target gives an agent: its files, its account,
   * its role.
   */
  open(): void {
    this.close();
    const built = spawnSync(join(root, "datalab"), ["images", "build", "core", "services"], {
      encoding: "utf8",
    });
    if (built.status !== 0) throw new Error(`the images can't be built: ${built.stderr}`);
    for (const name of ["base", "services", "core"] as const) this.#images[name] = pushed(imageTag(name));
    const config = {
      stack,
      instancePrefix: `datalab-${stack}-`,
      source: { kubernetes: { namespace } },
      logs: { url: "http://logs:9428", workload: "logs", user: "logs", password },
      spawner: null,
    };
    const level = (mode: string) => [`pod-security.kubernetes.io/${mode}`, "restricted"];
    const rule = (apiGroup: string, resources: string[], verbs: string[]) => ({
      apiGroups: [apiGroup],
      resources,
      verbs,
    });
    apply([
      {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: namespace, labels: Object.fromEntries([level("enforce"), level("warn")]) },
      },
      object("v1", "Secret", "files", { stringData: { "agent.json": JSON.stringify(config), password } }),
      object("v1", "ServiceAccount", "agent", { automountServiceAccountToken: true }),
      object("rbac.authorization.k8s.io/v1", "Role", "agent", {
        rules: [
          rule("", ["pods"], ["get", "list", "watch"]),
          rule("", ["pods/log"], ["get"]),
          rule("metrics.k8s.io", ["pods"], ["get", "list"]),
        ],
      }),
      object("rbac.authorization.k8s.io/v1", "RoleBinding", "agent", {
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "agent" },
        subjects: [{ kind: "ServiceAccount", name: "agent", namespace }],
      }),
      object("v1", "Service", "logs", {
        spec: { selector: { "datalab.workload": "logs" }, ports: [{ port: 9428 }] },
      }),
    ]);
  }

  startStore(): void {
    const login = "-httpAuth.username=logs -httpAuth.password=file:///run/datalab/password";
    const store = `exec victoria-logs -httpListenAddr=:9428 -storageDataPath=/data ${login}`;
    this.start("logs", store, { image: "services", memory: "256Mi", restartPolicy: "Always" });
  }

  startAgent(): void {
    const node = "node --max-old-space-size=64 --max-semi-space-size=1 --v8-pool-size=1";
    this.start("agent", `exec ${node} /opt/core/agent.mjs`, {
      image: "core",
      account: "agent",
      memory: "128Mi",
      restartPolicy: "Always",
      env: { UV_THREADPOOL_SIZE: "1" },
    });
  }

  /** Starts a pod that runs this script. */
  start(workload: string, script: string, options: PodOptions = {}): void {
    const { image = "base", memory = "64Mi", restartPolicy = "Never", env = {} } = options;
    const container = (name: string, text: string) => ({
      name,
      image: this.#images[image],
      command: ["tini", "--", "bash", "-c", text],
      env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
      resources: { limits: { memory }, requests: { cpu: "10m", memory: "16Mi" } },
      volumeMounts: [
        { name: "tmp", mountPath: "/tmp" },
        { name: "data", mountPath: "/data" },
        { name: "files", mountPath: "/run/datalab", readOnly: true },
      ],
    });
    const containers = (scripts: Readonly<Record<string, string>> = {}) =>
      Object.entries(scripts).map(([name, text]) => container(name, text));
    apply([
      object("v1", "Pod", `${workload}-0`, {
        metadata: {
          name: `${workload}-0`,
          namespace,
          labels: {
            "datalab.stack": stack,
            "datalab.service": options.service ?? workload,
            "datalab.workload": workload,
          },
        },
        spec: {
          restartPolicy,
          terminationGracePeriodSeconds: 5,
          serviceAccountName: options.account ?? "default",
          automountServiceAccountToken: options.account !== undefined,
          securityContext: {
            ...{ runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001 },
            seccompProfile: { type: "RuntimeDefault" },
          },
          initContainers: containers(options.prepare),
          containers: [container("main", script), ...containers(options.beside)],
          volumes: [
            { name: "tmp", emptyDir: { medium: "Memory", sizeLimit: "64Mi" } },
            { name: "data", emptyDir: {} },
            { name: "files", secret: { secretName: "files", defaultMode: 0o440 } },
          ],
        },
      }),
    ]);
  }

  delete(workload: string, ...args: readonly string[]): void {
    kubectl("--namespace", namespace, "delete", "pod", `${workload}-0`, ...args);
  }

  /** What a command in a pod prints. */
  exec(workload: string, ...command: readonly string[]): string {
    return kubectl(
      "--namespace",
      namespace,
      "exec",
      `${workload}-0`,
      "--container",
      "main",
      "--",
      ...command,
    );
  }

  /** Kills the program that is named so, as the kernel would for want of memory. */
  kill(workload: string, program: string): void {
    // By its file: Node calls its main thread otherwise.
    const find = `for p in /proc/[0-9]*; do [[ $(readlink $p/exe) == */${program} ]] && kill -9 \${p#/proc/}; done`;
    this.exec(workload, "bash", "-c", `${find}; true`);
  }

  restarts(workload: string): number {
    const path = "jsonpath={.status.containerStatuses[?(@.name=='main')].restartCount}";
    return Number(kubectl("--namespace", namespace, "get", "pod", `${workload}-0`, "--output", path));
  }

  query<Row = Record<string, string>>(query: string): Row[] {
    const url = "http://127.0.0.1:9428/select/logsql/query";
    const text = this.exec(
      ...["logs", "curl", "--silent", "--fail-with-body", "--user", `logs:${password}`],
      ...["--data-urlencode", `query=${query}`, url],
    );
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  /** Lines of a container in the order of their time. */
  lines(container: string): string[] {
    const rows = this.query<{ _time: string; _msg: string }>(
      `{container=${JSON.stringify(container)}} | fields _time, _msg`,
    );
    const nine = (at: string) => at.replace(/(?:\.(\d+))?Z$/, (_, f = "") => `.${f.padEnd(9, "0")}`);
    return rows
      .map(({ _time, _msg }) => [nine(_time), _msg] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, text]) => text);
  }

  /** What the agent answers at a path. */
  agent(path: string): string {
    return this.exec("agent", "curl", "--silent", "--show-error", `http://127.0.0.1:7080${path}`);
  }

  /** The value of a container's metric. */
  metric(name: string, container: string): number | undefined {
    const line = this.agent("/metrics")
      .split("\n")
      .find(
        (each) => each.startsWith(`datalab_container_${name}{`) && each.includes(`container="${container}"`),
      );
    return line === undefined ? undefined : Number(line.split(" ").at(-1));
  }

  close(): void {
    kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout", "120s");
  }
}

function object(apiVersion: string, kind: string, name: string, content: object): object {
  return { apiVersion, kind, metadata: { name, namespace }, ...content };
}
