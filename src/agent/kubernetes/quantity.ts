const factors: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** The number that Kubernetes writes as `250m`, `64Mi`, `1e3` or `12345678n`; undefined when it is none. */
export function quantity(text: string): number | undefined {
  const [, number, suffix = ""] = /^([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = factors[suffix];
  return number === undefined || factor === undefined ? undefined : Number(number) * factor;
}
