/** Options of `curl`. */
export interface CurlOptions {
  /** Seconds it may take. @default 2 */
  readonly maxSeconds?: number;
  /** Whether the response's body is dropped: a page would fill Docker's log of the probe. @default false */
  readonly discard?: boolean;
}

/**
 * A probe's command that succeeds if the URL returns success. It starts no interpreter, because probes run
 * often.
 */
export function curl(url: string, { maxSeconds = 2, discard = false }: CurlOptions = {}): string[] {
  return [
    ...["curl", "--fail", "--silent", "--max-time", String(maxSeconds)],
    ...(discard ? ["--output", "/dev/null"] : []),
    url,
  ];
}

/** The URL of a command made by `curl` above; undefined for any other command. */
export function askedUrl(command: readonly string[]): URL | undefined {
  const last = command.at(-1) ?? "";
  return command[0] === "curl" && URL.canParse(last) ? new URL(last) : undefined;
}
