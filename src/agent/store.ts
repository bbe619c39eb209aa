import { setTimeout as sleep } from "node:timers/promises";
import { basicAuth } from "../model/basic-auth.ts";
import type { LogStoreConfig } from "./config.ts";
import { nanoseconds, timeStamp } from "./lines.ts";

const askMs = 20_000;
const insertPath =
  "/insert/jsonline?_stream_fields=service,workload,container,stream&_time_field=_time&_msg_field=_msg";

/** What the shipper asks of VictoriaLogs. */
export class LogStore {
  readonly #config: LogStoreConfig;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(config: LogStoreConfig) {
    this.#config = config;
    this.#headers = config.user === "" ? {} : { authorization: basicAuth(config) };
  }

  /** Resolves when it takes lines; asks ever more rarely while it does not. */
  async ready(signal: AbortSignal, onWait: (reason: string) => void): Promise<void> {
    for (let wait = 250; !signal.aborted; wait = Math.min(wait * 2, 5_000)) {
      try {
        // What was sent just now becomes visible: the questions that follow must see it.
        await this.#ask("/internal/force_flush", signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        onWait((error as Error).message);
      }
      await sleep(wait, undefined, { signal }).catch(() => {});
    }
  }

  /** When the process that answers has started, in its own words: another answer is another process. */
  async process(signal: AbortSignal): Promise<string | undefined> {
    const text = await this.#ask("/metrics", signal);
    return /^process_start_time_seconds (\S+)$/m.exec(text)?.[1];
  }

  /** Stores lines of JSON; throws when it is not sure that it has them. */
  async insert(lines: readonly string[], signal: AbortSignal): Promise<void> {
    const answer = await this.#fetch(insertPath, signal, {
      method: "POST",
      headers: { ...this.#headers, "content-type": "application/x-ndjson" },
      body: lines.join(""),
    });
    await answer.arrayBuffer();
  }

  /** Time of the newest line that it has of a container, in nanoseconds. */
  async newest(container: string, signal: AbortSignal): Promise<bigint | undefined> {
    const query = `{container=${JSON.stringify(container)}} | fields _time`;
    const text = await this.#ask("/select/logsql/query", signal, { query, limit: "1" });
    const line = text.split("\n").find((each) => each !== "");
    return line === undefined ? undefined : nanoseconds((JSON.parse(line) as { _time: string })._time);
  }

  /** Which lines it has of a container from then on. */
  async known(container: string, from: bigint, signal: AbortSignal): Promise<KnownLines> {
    const known = new KnownLines();
    const query = `{container=${JSON.stringify(container)}} _time:>=${timeStamp(from)} | fields _time, stream`;
    const answer = await this.#query(query, signal);
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "") continue;
        const { _time, stream } = JSON.parse(line) as { _time: string; stream: string };
        known.add(_time, stream);
      }
    }
    return known;
  }

  /** Whether one of the newest lines holds this phrase. */
  async finds(phrase: string, signal: AbortSignal): Promise<boolean> {
    const query = `_time:5m ${JSON.stringify(phrase)} | fields _time | limit 1`;
    return (await this.#ask("/select/logsql/query", signal, { query })).trim() !== "";
  }

  #query(query: string, signal: AbortSignal): Promise<Response> {
    return this.#fetch("/select/logsql/query", signal, {
      method: "POST",
      headers: this.#headers,
      body: new URLSearchParams({ query }),
    });
  }

  async #ask(path: string, signal: AbortSignal, form?: Record<string, string>): Promise<string> {
    const init = form ? { method: "POST", body: new URLSearchParams(form) } : {};
    return (await this.#fetch(path, signal, { ...init, headers: this.#headers })).text();
  }

  async #fetch(path: string, signal: AbortSignal, init: RequestInit): Promise<Response> {
    const both = AbortSignal.any([signal, AbortSignal.timeout(askMs)]);
    try {
      const answer = await fetch(`${this.#config.url}${path}`, { ...init, signal: both });
      if (answer.ok) return answer;
      throw new Error(`it answered ${answer.status}: ${(await answer.text()).trim().slice(0, 200)}`);
    } catch (error) {
      const { cause, message } = error as Error & { cause?: { code?: string } };
      throw new Error(cause?.code ?? message, { cause: error });
    }
  }
}

/** The lines of a container that are stored already, by stream and time stamp. */
export class KnownLines {
  readonly #keys = new Set<bigint>();
  #newest = 0n;

  /** Time stamp of the newest of them. */
  get newest(): string {
    return timeStamp(this.#newest);
  }

  add(at: string, stream: string): void {
    const ns = nanoseconds(at);
    this.#keys.add(key(ns, stream));
    if (ns > this.#newest) this.#newest = ns;
  }

  has(at: string, stream: string): boolean {
    return this.#keys.has(key(nanoseconds(at), stream));
  }

  /**
   * Whether nothing that comes after this line can be among them; the two streams are a little out of step.
   */
  endsBefore(at: string): boolean {
    return nanoseconds(at) > this.#newest + 1_000_000_000n;
  }
}

const key = (ns: bigint, stream: string): bigint => ns * 2n + (stream === "stderr" ? 1n : 0n);
