import { onlyServices } from "../../tests/acceptance/support/only-services.ts";
import { Project } from "../../tests/acceptance/support/project.ts";
import { benchCluster, kubectl } from "./cluster.ts";
import { datalab } from "./datalab.ts";

/**
 * A stack in the cluster with nothing of the platform but its core; images pushed, what its file must hold
 * made.
 */
export async function openTenants(stack: string): Promise<Project> {
  const { registry, platform } = benchCluster();
  const project = new Project(stack, {
    portOffset: 0,
    ...platform,
    services: onlyServices("core"),
  });
  await datalab(project, "images", "push", "--to", registry);
  await datalab(project, "preview");
  return project;
}

/** Gives the stack so many services. */
export function declareTenants(project: Project, count: number): void {
  const names = Array.from({ length: count }, (_, n) => `tenant-${String(n + 1).padStart(3, "0")}`);
  for (const name of names) project.write(`${name}.yaml`, tenant(name));
  project.configure((config) => {
    config.serviceFiles = names.map((name) => `${name}.yaml`);
  });
}

/**
 * A tenant's service: a page, a file and a secret. No disk: on a node that runs nothing none is ever
 * provisioned.
 */
function tenant(name: string): string {
  return `name: ${name}
summary: One tenant of the scale benchmark.
version: "1"
backup: "none: it holds nothing"
needs: { token: { secret: { user: admin, opens: the page } } }
parts:
  main:
    image: core
    command: [node, /run/datalab/server.mjs]
    env: { TOKEN: "\${needs.token.value}" }
    files: { server.mjs: "import('node:http')" }
    endpoints:
      web: { port: 8081, summary: the tenant's page }
    probe: { command: [curl, --fail, http://127.0.0.1:8081/], within: 30s }
    resources: { cpu: 10m, memory: 16Mi }
`;
}

/**
 * Objects that the engine or whoever it told has made for the stack, without pods and what controllers add.
 */
export function objectsOf({ stack }: Project): number {
  const made = /^(pods|events|endpoints|endpointslices|replicasets|controllerrevisions|leases)\b|metrics/;
  const kinds = kubectl(["api-resources", "--verbs=list", "--namespaced", "--output", "name"])
    .split("\n")
    .filter((kind) => kind !== "" && !made.test(kind));
  const found = kubectl(["get", kinds.join(","), "--namespace", `datalab-${stack}`, "--output", "name"]);
  return found.split("\n").filter(Boolean).length;
}

/** Seconds that a command of plain Pulumi takes; throws with its words when it fails. */
export async function pulumi(project: Project, command: string, environment = ""): Promise<number> {
  const began = performance.now();
  const ran = await project.shell(
    `${environment} pulumi ${command} --stack ${project.stack} --non-interactive`,
  );
  if (ran.code !== 0)
    throw new Error(`pulumi ${command} ended with ${ran.code}:\n${ran.stdout.slice(-4000)}${ran.stderr}`);
  return (performance.now() - began) / 1000;
}
