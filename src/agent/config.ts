import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** What the model tells the agent, as /run/datalab/agent.json. */
export interface AgentConfig {
  readonly stack: string;
  /** What the names of all of the stack's containers begin with: `datalab-<stack>-`. */
  readonly instancePrefix: string;
  /** Who runs the containers. */
  readonly source: "docker" | { readonly kubernetes: { readonly namespace: string } };
  /** Where log lines go; null: nowhere. */
  readonly logs: LogStoreConfig | null;
  /** What the Docker proxy lets through; null: there is none. */
  readonly spawner: SpawnerConfig | null;
}

export interface LogStoreConfig {
  readonly url: string;
  /** The store's own workload: when its container starts again, what it had not saved yet is sent again. */
  readonly workload: string;
  readonly user: string;
  readonly password: string;
}

export interface SpawnerConfig {
  readonly user: string;
  readonly token: string;
  readonly image: string;
  readonly network: string;
  /** The service that what is spawned belongs to. */
  readonly service: string;
  /** Where the home volume is mounted. */
  readonly home: string;
  readonly memoryBytes: number;
  readonly maxMemoryBytes: number;
  readonly milliCpu: number;
  readonly maxMilliCpu: number;
  readonly pids: number;
  readonly tmpBytes: number;
}

/** Reads the agent's configuration from a folder. */
export async function readAgentConfig(folder: string): Promise<AgentConfig> {
  const path = join(folder, "agent.json");
  try {
    return JSON.parse(await readFile(path, "utf8")) as AgentConfig;
  } catch (error) {
    throw new Error(`${path} can't be read (${(error as Error).message}); run ./datalab up again`);
  }
}
