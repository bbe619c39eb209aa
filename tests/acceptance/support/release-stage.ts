/** A small stack in a repository of its own, and a second one that it is promoted to. */
import { readFileSync } from "node:fs";
import { stringify } from "yaml";
import { removeLabelled } from "./leftovers.ts";
import { onlyOne } from "./only-one.ts";
import { onlyServices } from "./only-services.ts";
import { must, Project, type Ran } from "./project.ts";
import { noteStack } from "./started-stacks.ts";

const few = ["core", "postgres", "object-store"];
export const source = "rel1";
export const target = "rel2";

/** A service in a file: a page, and a bucket. */
export const toy = (name: string, bucket = true): string => `name: ${name}
summary: Answers, for the acceptance tests.
version: "1"
backup: "none: it holds nothing"
${bucket ? "needs:\n  toys: { bucket: toys }\n" : ""}parts:
  main:
    image: core
    command: [node, /run/datalab/server.mjs]
    env: { BUCKET: "${bucket ? "$" : ""}${bucket ? "{needs.toys.url}" : "none"}" }
    files:
      server.mjs: |
        import { createServer } from "node:http";
        createServer((_, answer) => answer.end("ok")).listen(8081);
    endpoints:
      web: { port: 8081, summary: the toy's page }
    probe: { command: [curl, --fail, --silent, http://127.0.0.1:8081/], within: 30s }
    resources: { cpu: 50m, memory: 64Mi }
checks:
  page: { summary: The toy answers., every: 30s, http: { endpoint: web, path: / } }
`;

/** Two stacks, of which the first is promoted to the second. */
interface Pair {
  readonly source: string;
  readonly target: string;
  readonly portOffset: number;
  /** The services of both stacks beside the toy. */
  readonly services?: readonly string[];
  /** More of both stacks' `datalab:platform`. */
  readonly platform?: Readonly<Record<string, unknown>>;
  /** More of the target's `datalab:platform`. */
  readonly targetPlatform?: Readonly<Record<string, unknown>>;
}

export class ReleaseStage {
  readonly #pair: Pair;
  #project: Project | undefined;
  #letGo = () => {};

  constructor(pair: Pair = { source, target, portOffset: 6_000 }) {
    this.#pair = pair;
  }

  #stackFile(portOffset: number, more: Pair["targetPlatform"] = {}): string {
    const promotion = [this.#pair.source, this.#pair.target];
    const services = onlyServices(...(this.#pair.services ?? few));
    const shared = { portOffset, promotion, serviceFiles: ["toy.yaml"], services, ...this.#pair.platform };
    const platform = { ...shared, ...more };
    return `# The stack at ${portOffset}.\n${stringify({ config: { "datalab:platform": platform } })}`;
  }

  async open(): Promise<void> {
    const { source, target, portOffset, targetPlatform } = this.#pair;
    const held = [
      await onlyOne(`datalab-acceptance-${source}`),
      await onlyOne(`datalab-acceptance-${target}`),
    ];
    this.#letGo = () => held.forEach((letGo) => void letGo());
    this.#project = new Project(source, {});
    noteStack(target);
    this.project.write("toy.yaml", toy("toy"));
    this.project.write(`Pulumi.${source}.yaml`, this.#stackFile(portOffset));
    this.project.write(
      `Pulumi.${target}.yaml`,
      this.#stackFile(portOffset + 500, targetPlatform).replace(
        "services:",
        "services: # all of them\n     ",
      ),
    );
    removeLabelled(this.project);
    removeLabelled(this.project, target);
    this.git("init", "--quiet");
    this.commit("first");
  }

  async close(): Promise<void> {
    if (!this.#project) return;
    const { source, target } = this.#pair;
    for (const stack of [target, source]) await this.on(stack, "down --delete-data --yes");
    for (const stack of [target, source]) removeLabelled(this.project, stack);
    this.project.remove();
    this.#letGo();
  }

  get project(): Project {
    if (!this.#project) throw new Error("the stage is not open");
    return this.#project;
  }

  git(...args: string[]): string {
    const who = ["-c", "user.name=acceptance", "-c", "user.email=acceptance@example.com"];
    return must(this.project.root, "git", [...who, ...args]);
  }

  commit(message: string): void {
    this.git("add", "--all");
    this.git("commit", "--quiet", "--message", message);
  }

  /** Runs a command for one of the stacks. */
  on(stack: string, command: string): Promise<Ran> {
    return this.project.shell(`./datalab ${command}${stack === "" ? "" : ` --stack ${stack}`}`);
  }

  async json<T>(stack: string, command: string): Promise<T> {
    const ran = await this.on(stack, `${command} --json`);
    if (ran.code !== 0) throw new Error(`${command} ended with ${ran.code}:\n${ran.stdout}${ran.stderr}`);
    return JSON.parse(ran.stdout) as T;
  }

  /** Changes a file of the project, once. */
  edit(path: string, from: string, to: string): void {
    const text = readFileSync(this.project.path(path), "utf8");
    if (!text.includes(from)) throw new Error(`${path} does not hold ${from}`);
    this.project.write(path, text.replace(from, to));
  }

  container = (stack: string, workload: string): string => `datalab-${stack}-${workload}`;
}
