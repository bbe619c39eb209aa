import { DatalabError } from "../../errors.ts";
import { basicAuth } from "../../model/basic-auth.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { endpointOf, howToProvide } from "../../outputs/providers.ts";
import type { Credentials } from "./credentials.ts";
import { type Fetch, fetchVia, ingressRouteOf } from "./ingress-route.ts";

/** A line as the store has it. */
export interface StoredLine {
  /** RFC 3339 with nine digits, so that times sort as text. */
  readonly at: string;
  readonly service: string;
  readonly workload: string;
  readonly stream: "stdout" | "stderr";
  readonly level: string;
  readonly line: string;
}

/** Reads the central log store. Every method throws E_LOGS_UNREACHABLE when it does not answer. */
export interface LogReader {
  /** The lines of a query in the order of time: the newest `limit`, or all. */
  read(query: string, limit: number | undefined, signal: AbortSignal): Promise<readonly StoredLine[]>;
  /** New lines of a query as they come, from a number of seconds ago on; ends when the connection does. */
  tail(
    query: string,
    secondsAgo: number,
    onLine: (line: StoredLine) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Every service and workload that has lines, those that are no more included. */
  names(signal: AbortSignal): Promise<readonly string[]>;
}

const connectMs = 5_000;
/** More is no reading any more, and would fill this program's memory. */
const maxLines = 500_000;

/** The reader of a stack's log store, or the reason why there is none. */
export function logReader(platform: PlatformOutput, credentials: Credentials): LogReader | DatalabError {
  const endpoint = endpointOf(platform, "logs");
  if (!endpoint?.url) {
    return new DatalabError("E_NO_LOGS", `The stack ${platform.stack} has no log store.`, {
      hint: howToProvide(platform, "logs"),
    });
  }
  const { login } = endpoint;
  const { token } = platform.core;
  // Behind the gateway its token opens everything; without one the store asks for its own login.
  const authorization = token
    ? `Bearer ${credentials.value(token)}`
    : login && basicAuth({ user: login.user, password: credentials.value(login.secret) });
  const { origin } = new URL("/", endpoint.url);
  return readerOf(origin, authorization ?? undefined, fetchVia(ingressRouteOf(platform)));
}

/** A reader of the store at this address. */
export function readerOf(url: string, authorization?: string, by: Fetch = fetch): LogReader {
  async function ask(path: string, form: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const connect = new AbortController();
    const timer = setTimeout(() => connect.abort(new Error("no answer in time")), connectMs);
    let answer: Response;
    try {
      answer = await by(`${url}${path}`, {
        method: "POST",
        headers: authorization ? { authorization } : {},
        body: new URLSearchParams(form),
        redirect: "manual",
        signal: AbortSignal.any([signal, connect.signal]),
      });
    } catch (error) {
      throw signal.aborted ? error : unreachable(url, error);
    } finally {
      clearTimeout(timer);
    }
    if (answer.ok) return answer;
    const text = (await answer.text()).trim();
    const regexp = answer.status === 400 && /error parsing regexp: (.+?)(?:;|$)/m.exec(text)?.[1];
    if (regexp) {
      throw new DatalabError(
        "E_USAGE",
        `--grep: the log store can't use this regular expression: ${regexp}`,
        {
          hint: "It uses RE2, which has neither look-around nor back-references.",
        },
      );
    }
    throw unreachable(url, new Error(`it answered ${answer.status}`));
  }

  async function* lines(answer: Response, signal: AbortSignal): AsyncGenerator<StoredLine> {
    let rest = "";
    const decoder = new TextDecoder();
    try {
      for await (const chunk of answer.body ?? []) {
        const texts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = texts.pop() ?? "";
        for (const text of texts) if (text.trim() !== "") yield toLine(JSON.parse(text));
      }
    } catch (error) {
      throw signal.aborted ? error : unreachable(url, error);
    }
  }

  return {
    async read(query, limit, signal) {
      if (limit === 0) return [];
      // Without a limit the store would sort in its small memory: that is done here.
      const limitText = String(limit ?? maxLines);
      const answer = await ask("/select/logsql/query", { query, limit: limitText }, signal);
      const found: StoredLine[] = [];
      for await (const line of lines(answer, signal)) found.push(line);
      return found.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    },

    async tail(query, secondsAgo, onLine, signal) {
      const form = { query, start_offset: `${secondsAgo}s`, offset: "1500ms", refresh_interval: "500ms" };
      const answer = await ask("/select/logsql/tail", form, signal);
      for await (const line of lines(answer, signal)) onLine(line);
    },

    async names(signal) {
      const all = await Promise.all(
        ["service", "workload"].map(async (field) => {
          const form = { query: "*", field, start: "30d" };
          const answer = await ask("/select/logsql/stream_field_values", form, signal);
          const { values } = (await answer.json()) as { values: { value: string }[] };
          return values.map(({ value }) => value);
        }),
      );
      return [...new Set(all.flat())].sort();
    },
  };
}

function toLine(record: Record<string, string>): StoredLine {
  const { _time = "", _msg = "", service = "", workload = "", stream, level = "info" } = record;
  const [whole = "", fraction = ""] = _time.replace(/Z$/, "").split(".");
  return {
    at: `${whole}.${fraction.padEnd(9, "0")}Z`,
    service,
    workload,
    stream: stream === "stderr" ? "stderr" : "stdout",
    level,
    // The store knows no empty line.
    line: _msg === " " ? "" : _msg,
  };
}

function unreachable(url: string, error: unknown): DatalabError {
  const { message, cause } = error as Error & { cause?: { code?: string } };
  const reason = cause?.code ?? message;
  return new DatalabError("E_LOGS_UNREACHABLE", `The log store at ${url} can't be read (${reason}).`, {
    hint: "./datalab services health logs",
    cause: error,
  });
}
