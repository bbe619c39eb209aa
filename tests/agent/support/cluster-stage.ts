/**
 * The agent with a cluster and a log store that are made up, but spoken to over HTTP as the real ones are.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { type Agent, startAgent } from "../../../src/agent/agent.ts";
import type { AgentConfig } from "../../../src/agent/config.ts";
import type { ApiOptions } from "../../../src/agent/kubernetes/api.ts";
import { FakeCluster, namespace, stack } from "./fake-cluster.ts";
import { FakeStore } from "./fake-store.ts";

/** A line's time stamp: a thousand lines a second. */
export const stampOf = (n: number): string => {
  const seconds = String(Math.floor(n / 1_000)).padStart(2, "0");
  return `2026-01-31T12:00:${seconds}.${String(n % 1_000).padStart(3, "0")}000000Z`;
};
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
export const lines = (from: number, to: number): string[] =>
  numbers(from, to).map((n) => `${stampOf(n)} line ${n}`);
export const texts = (from: number, to: number): string[] => numbers(from, to).map((n) => `line ${n}`);
export const until = (assertion: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(assertion, { timeout: 10_000, interval: 20 });

export class ClusterStage {
  readonly cluster = new FakeCluster();
  readonly store = new FakeStore();
  /** What the agent has logged. */
  readonly said: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "datalab-agent-"));
  readonly #agents: Agent[] = [];
  #url = "";

  /** Where the cluster's API is. */
  async open(): Promise<ApiOptions> {
    this.#url = await this.cluster.start();
    this.setToken("first\n");
    const config: AgentConfig = {
      stack,
      instancePrefix: `datalab-${stack}-`,
      source: { kubernetes: { namespace } },
      logs: { url: await this.store.start(), workload: "logs", user: "", password: "" },
      spawner: null,
    };
    writeFileSync(join(this.#folder, "agent.json"), JSON.stringify(config));
    return { url: this.#url, folder: this.#folder };
  }

  async close(): Promise<void> {
    for (const agent of [...this.#agents]) await this.stop(agent);
    await this.cluster.stop();
    await this.store.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  setToken(token: string): void {
    writeFileSync(join(this.#folder, "token"), token);
  }

  async start(): Promise<Agent> {
    const agent = await startAgent({
      directory: this.#folder,
      socket: "/nowhere",
      cluster: () => ({ url: this.#url, folder: this.#folder }),
      address: "127.0.0.1",
      port: 0,
      proxyPort: 0,
      log: (line) => this.said.push(line.slice(25)),
    });
    this.#agents.push(agent);
    return agent;
  }

  async stop(agent: Agent): Promise<void> {
    this.#agents.splice(this.#agents.indexOf(agent), 1);
    await agent.stop();
  }

  async ask(agent: Agent, path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${agent.port}${path}`)).text();
  }

  /** Lines of its metrics that begin so. */
  async metrics(agent: Agent, name: string): Promise<string[]> {
    return (await this.ask(agent, "/metrics")).split("\n").filter((line) => line.startsWith(name));
  }

  /** Names of the containers that it reports as running. */
  async running(agent: Agent): Promise<(string | undefined)[]> {
    const found = await this.metrics(agent, "datalab_container_running{");
    return found.flatMap((line) => /container="(.*)"\} 1$/.exec(line)?.[1] ?? []);
  }
}
