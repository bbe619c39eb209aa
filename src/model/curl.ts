/** Options of `curl`. */
export interface CurlOptions {
  /** Seconds it may take. @default 2 */
  readonly maxSeconds?: number;
  /** Whether the answer's body is thrown away: a page would fill what Docker keeps of a probe. @default false */
  readonly discard?: boolean;
}

/** A probe's command that succeeds when the URL answers well. It starts no interpreter: probes run every few seconds. */
export function curl(url: string, { maxSeconds = 2, discard = false }: CurlOptions = {}): string[] {
  return [
    ...["curl", "--fail", "--silent", "--max-time", String(maxSeconds)],
    ...(discard ? ["--output", "/dev/null"] : []),
    url,
  ];
}

/** What a command of `curl` above asks; undefined for any other command. */
export function askedUrl(command: readonly string[]): URL | undefined {
  const last = command.at(-1) ?? "";
  return command[0] === "curl" && URL.canParse(last) ? new URL(last) : undefined;
}
