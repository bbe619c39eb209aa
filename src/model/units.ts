const byteUnits: Record<string, number> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };
const timeUnits: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400 };

export const sizePattern = /^([1-9]\d*)(Ki|Mi|Gi|Ti)$/;
export const durationPattern = /^([1-9]\d*)(s|m|h|d)$/;
export const cpuPattern = /^(?:[1-9]\d*m|[1-9]\d*(?:\.\d{1,3})?|0\.\d{0,2}[1-9])$/;

function scaled(text: string, pattern: RegExp, units: Record<string, number>, what: string): number {
  const match = pattern.exec(text);
  if (!match) throw new RangeError(`expected ${what}, received ${JSON.stringify(text)}`);
  return Number(match[1]) * (units[match[2] as string] as number);
}

/** "512Mi" -> bytes. */
export const parseSize = (text: string): number =>
  scaled(text, sizePattern, byteUnits, 'a size such as "20Gi"');
/** "30s", "5m", "12h", "7d" -> seconds. */
export const parseDuration = (text: string): number =>
  scaled(text, durationPattern, timeUnits, 'a duration such as "30s"');

/** "250m" or "0.25" -> thousandths of a core. */
export function parseCpu(text: string): number {
  if (!cpuPattern.test(text)) {
    throw new RangeError(`expected cores such as "250m" or "2", received ${JSON.stringify(text)}`);
  }
  return text.endsWith("m") ? Number(text.slice(0, -1)) : Math.round(Number(text) * 1000);
}

/** Bytes for people: 1.5 GiB. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
