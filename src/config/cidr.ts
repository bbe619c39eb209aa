/** Ranges of IPv4 addresses, as plain numbers: `10.0.0.0/16`. */
export interface Cidr {
  /** First address. */
  readonly base: number;
  /** Count of leading bits that all addresses share. */
  readonly prefix: number;
}

const pattern = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/;

/** How many addresses a range has. */
export const addressCount = ({ prefix }: Pick<Cidr, "prefix">): number => 2 ** (32 - prefix);

/**
 * Undefined if the text is not a range, or its address has bits beyond the prefix: `10.0.0.1/16` is a host,
 * not a range.
 */
export function parseCidr(text: string): Cidr | undefined {
  const found = pattern.exec(text);
  if (!found) return undefined;
  const [a, b, c, d, prefix] = found.slice(1).map(Number) as [number, number, number, number, number];
  if ([a, b, c, d].some((byte) => byte > 255) || prefix > 32) return undefined;
  const base = ((a * 256 + b) * 256 + c) * 256 + d;
  return base % addressCount({ prefix }) === 0 ? { base, prefix } : undefined;
}

export function formatCidr({ base, prefix }: Cidr): string {
  const bytes = [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(base / unit) % 256);
  return `${bytes.join(".")}/${prefix}`;
}

export const contains = (outer: Cidr, inner: Cidr): boolean =>
  outer.prefix <= inner.prefix &&
  outer.base <= inner.base &&
  inner.base + addressCount(inner) <= outer.base + addressCount(outer);

/** Two ranges overlap exactly when one contains the other. */
export const overlaps = (a: Cidr, b: Cidr): boolean => contains(a, b) || contains(b, a);

/** The n-th of the ranges of this prefix that a range consists of. */
export function part(range: Cidr, prefix: number, n: number): Cidr {
  const size = addressCount({ prefix });
  if (prefix < range.prefix || n < 0 || (n + 1) * size > addressCount(range)) {
    throw new RangeError(`${formatCidr(range)} has no /${prefix} number ${n}`);
  }
  return { base: range.base + n * size, prefix };
}

/** The private ranges of RFC 1918. */
const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(
  (text) => parseCidr(text) as Cidr,
);

export const isPrivate = (range: Cidr): boolean => privateRanges.some((outer) => contains(outer, range));
