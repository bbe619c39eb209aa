/**
 * The env file that datalab-start sources (src/images/base/datalab-start): one NAME='value' line a variable.
 * The value may hold anything but NUL, which no environment can hold.
 */
export const envFile = (variables: Iterable<readonly [name: string, value: string]>): string =>
  [...variables].map(([name, value]) => `${name}=${shellQuote(value)}\n`).join("");

/** One word of a POSIX shell: between apostrophes nothing but the apostrophe itself has a meaning. */
const shellQuote = (value: string): string => `'${value.replaceAll("'", "'\\''")}'`;
