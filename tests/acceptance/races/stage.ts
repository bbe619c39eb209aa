/**
 * What commands race for: a small stack (`target`) whose state and backups are in a bucket that another stack
 * (`store`) serves, and one that is promoted to it (`source`).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, type S3Client } from "@aws-sdk/client-s3";
import { stringify } from "yaml";
import { removeLabelled } from "../support/leftovers.ts";
import { s3 } from "../support/object-store.ts";
import { onlyOne } from "../support/only-one.ts";
import { onlyServices } from "../support/only-services.ts";
import { Project, type Ran } from "../support/project.ts";
import { noteStack } from "../support/started-stacks.ts";
import { type Change, dockerChanges, StateProxy, writeDockerRecorder } from "./evidence.ts";
import { hasNamespaces, Machine, type Running, secondCheckout } from "./machines.ts";

export const stateBucket = "state";
/** Where the target's known objects are. */
export const toyBucket = "toys";
const [source, target, store] = ["race1", "race2", "race3"];
const offsets = { [source as string]: 12_000, [target as string]: 13_000, [store as string]: 14_000 };
/** Of a round's commands, and of what the stage does between rounds. */
const slots = ["0", "1", "2", "between"] as const;
export type Slot = (typeof slots)[number];

/** A database and a bucket for the rows and objects that must not be lost. */
const toy = `name: toy
summary: Holds what races must not lose.
version: "1"
backup: "its database and its bucket"
needs:
  db: { database: toy }
  toys: { bucket: ${toyBucket} }
parts:
  main:
    image: core
    command: [node, -e, "require('http').createServer((_, a) => a.end('ok')).listen(8081)"]
    env: { BUCKET: "\${needs.toys.url}", DATABASE: "\${needs.db.name}" }
    endpoints:
      web: { port: 8081, summary: the toy's page }
    probe: { command: [curl, --fail, --silent, http://127.0.0.1:8081/], within: 30s }
    resources: { cpu: 50m, memory: 64Mi }
checks:
  page: { summary: The toy answers., every: 30s, http: { endpoint: web, path: / } }
`;

export class RaceStage {
  readonly source = source as string;
  readonly target = target as string;
  readonly isolated = hasNamespaces;
  #folder = "";
  readonly #changes: Change[] = [];
  readonly #proxies: StateProxy[] = [];
  readonly #backends = new Map<Slot, string>();
  #machines: Machine[] = [];
  #store: Project | undefined;
  #key = "";
  #state: S3Client | undefined;
  #objects: S3Client | undefined;
  #letGo = () => {};

  async open(): Promise<void> {
    this.#letGo = await onlyOne("datalab-acceptance-races");
    this.#folder = mkdtempSync(join(tmpdir(), "datalab-races-"));
    for (const stack of [this.source, this.target, store as string]) noteStack(stack);
    const first = new Project(this.source, {});
    this.#write(first);
    this.#machines = [new Machine(first, join(this.#folder, "one"), false)];
    for (const stack of Object.keys(offsets)) removeLabelled(first, stack);
    const [one] = this.#machines as [Machine];
    one.git("init", "--quiet");
    one.commit("first");
    await this.#openStore(new Project(store as string, first));
    one.commit("the bucket of the state");
    this.#machines.push(new Machine(secondCheckout(first), join(this.#folder, "other"), true));
    const recorder = join(this.#folder, "docker");
    writeDockerRecorder(recorder, first.env.DATALAB_DOCKER || "docker", this.#dockerLog);
    for (const machine of this.#machines) machine.useDocker(recorder);
    // The first up notes secrets in the stack's file; what is promoted was deployed from a commit.
    for (let times = 0; times < 2; times++) {
      await this.must("up", "--stack", this.source);
      one.commit("what runs");
    }
    await this.must("promote", this.source, this.target, "--yes");
    this.share(0);
    const secret = await this.must("secrets", "show", "object-store/admin", "--stack", this.target, "--json");
    const { value } = JSON.parse(secret.stdout) as { value: string };
    this.#objects = s3("admin", value, 9000 + (offsets[this.target] as number));
  }

  #write(project: Project): void {
    project.write("toy.yaml", toy);
    const write = (stack: string, more: object) =>
      project.write(
        `Pulumi.${stack}.yaml`,
        stringify({ config: { "datalab:platform": { portOffset: offsets[stack], ...more } } }),
      );
    const shared = {
      promotion: [this.source, this.target],
      serviceFiles: ["toy.yaml"],
      services: onlyServices("core", "postgres", "object-store"),
    };
    write(this.source, shared);
    write(this.target, shared);
    write(store as string, { services: onlyServices("core", "object-store") });
  }

  async #openStore(project: Project): Promise<void> {
    this.#store = project;
    const ran = await project.datalab("up");
    if (ran.code !== 0) throw new Error(ran.stderr);
    this.#key = (await project.json<{ value: string }>("secrets", "show", "object-store/admin")).value;
    const port = 9000 + (offsets[store as string] as number);
    this.#state = s3("admin", this.#key, port);
    await this.#state.send(new CreateBucketCommand({ Bucket: stateBucket }));
    for (const slot of slots) {
      const proxy = new StateProxy(slot, port, this.#changes);
      this.#proxies.push(proxy);
      const endpoint = `http://127.0.0.1:${await proxy.open()}`;
      // For an endpoint that is not AWS this version of the engine sends a checksum of none (pulumi#24219).
      const checksums = "request_checksum_calculation=when_supported";
      const query = `endpoint=${endpoint}&region=us-east-1&s3ForcePathStyle=true&${checksums}`;
      this.#backends.set(slot, `s3://${stateBucket}/lab?${query}`);
    }
  }

  get #dockerLog(): string {
    return join(this.#folder, "docker.log");
  }

  get state(): S3Client {
    return this.#state as S3Client;
  }
  get objects(): S3Client {
    return this.#objects as S3Client;
  }

  /** Makes a command wait when it asks for a path of the bucket. */
  hold = (slot: Slot, path: RegExp) => (this.#proxies[slots.indexOf(slot)] as StateProxy).hold(path);

  machine = (index: number): Machine => this.#machines[index] as Machine;

  start(slot: Slot, machine: number, args: readonly string[]): Running {
    return this.machine(machine).start(args, {
      PULUMI_BACKEND_URL: this.#backends.get(slot),
      AWS_ACCESS_KEY_ID: "admin",
      AWS_SECRET_ACCESS_KEY: this.#key,
      RACE_SLOT: slot,
    });
  }

  /** Runs a command between rounds. */
  run = (machine: number, ...args: string[]): Promise<Ran> => this.start("between", machine, args).ended;

  /** The same from the first checkout; it must work. */
  async must(...args: string[]): Promise<Ran> {
    const ran = await this.run(0, ...args);
    if (ran.code !== 0) throw new Error(`datalab ${args.join(" ")} ended with ${ran.code}:\n${ran.stderr}`);
    return ran;
  }

  /** What has been changed since it was last asked. */
  takeChanges(): Change[] {
    const changes = [...this.#changes.splice(0), ...dockerChanges(this.#dockerLog)];
    rmSync(this.#dockerLog, { force: true });
    return changes;
  }

  /** What one checkout has written is committed, and pulled by the other. */
  share(from: number): void {
    this.machine(from).commit("what was written");
    this.machine(from === 0 ? 1 : 0).pull(this.machine(from));
  }

  async close(): Promise<void> {
    this.#objects?.destroy();
    const [one] = this.#machines;
    if (one && this.#state)
      for (const stack of [this.target, this.source])
        await this.run(0, "down", "--delete-data", "--yes", "--stack", stack);
    this.#state?.destroy();
    for (const proxy of this.#proxies) proxy.close();
    await this.#store?.datalab("down", "--delete-data", "--yes");
    if (one) for (const stack of Object.keys(offsets)) removeLabelled(one.project, stack);
    for (const { project } of this.#machines) project.remove();
    if (this.#folder !== "") rmSync(this.#folder, { recursive: true, force: true });
    this.#letGo();
  }
}
