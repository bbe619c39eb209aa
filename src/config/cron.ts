interface Field {
  readonly what: string;
  readonly low: number;
  readonly high: number;
  readonly names?: readonly string[];
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const monthNames = [
  ...["January", "February", "March", "April", "May", "June"],
  ...["July", "August", "September", "October", "November", "December"],
];
const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const dayOfMonth: Field = { what: "a day of the month", low: 1, high: 31 };
const month: Field = { what: "a month", low: 1, high: 12, names: months };
const dayOfWeek: Field = { what: "a day of the week", low: 0, high: 6, names: days };
const fields: readonly Field[] = [
  { what: "a minute", low: 0, high: 59 },
  { what: "an hour", low: 0, high: 23 },
  dayOfMonth,
  month,
  dayOfWeek,
];
const places = ["first", "second", "third", "fourth", "fifth"];
/** The longest that each month can be. */
const lengths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * What a cron expression should have had: `an hour from 0 to 23 as the second cron field`; undefined if it is
 * right. What Prefect's croniter takes is right, except ranges that it reads as something else.
 */
export function cronProblem(text: string): string | undefined {
  const given = text.trim().split(/\s+/);
  if (given.length !== fields.length) return undefined; // another rule checks the form
  for (const [i, field] of fields.entries()) {
    const place = `as the ${places[i]} cron field`;
    const items = (given[i] ?? "").toLowerCase().split(",");
    const every = items.find((item) => isEveryByMistake(item, field));
    if (every) return `no range of one value such as ${every}, which Prefect reads as every value, ${place}`;
    if (items.length === 1 && items[0] === "?" && (field === dayOfMonth || field === dayOfWeek)) continue;
    if (!items.every((item) => valuesOf(item, field))) return `${described(field)} ${place}`;
    const counted = field === dayOfWeek ? items.filter(isCounted).length : 0;
    if (counted > 0 && counted < items.length)
      return `days of the week either all with # or L, or none ${place}`;
  }
  return undefined;
}

/** Which day of a correct cron expression never comes: `30 February`; undefined if it has a next date. */
export function missingDay(text: string): string | undefined {
  // Prefect looks for the day of the month alone, too, when a day of the week is given.
  const [, , day = "*", inMonths = "*"] = text.trim().toLowerCase().split(/\s+/);
  const items = day.split(",");
  if (items.some((item) => item === "*" || item === "?" || item === "l")) return undefined;
  const wanted = union(items, dayOfMonth);
  const among = union(inMonths.split(","), month);
  if (wanted.length === 0 || among.length === 0) return undefined;
  const first = Math.min(...wanted);
  if (among.some((m) => first <= (lengths[m - 1] as number))) return undefined;
  return `${wanted.join(" or ")} ${among.map((m) => monthNames[m - 1]).join(" or ")}`;
}

const union = (items: readonly string[], field: Field): number[] =>
  [...new Set(items.flatMap((item) => valuesOf(item, field) ?? []))].sort((a, b) => a - b);

function described({ what, low, high, names }: Field): string {
  const last = names === days ? 7 : high;
  return `${what} from ${low} to ${last}${names ? ` or ${names[0]} to ${names.at(-1)}` : ""}`;
}

/** `fri#2`, the second Friday; `L5`, the last one. */
const isCounted = (item: string): boolean => /#|^l/.test(item);

/**
 * The values of one of a list: `*`, `5`, `mon-fri`, each with a step or without; undefined if it is wrong.
 */
function valuesOf(item: string, field: Field): readonly number[] | undefined {
  if (field === dayOfMonth && item === "l") return [];
  if (field === dayOfWeek && isCounted(item)) {
    const [, named, last] = /^(.+)#0*[1-5]$|^l(\d+)$/.exec(item) ?? [];
    return named?.includes("/") || named === "*" ? undefined : valuesOf(named ?? last ?? "", field);
  }
  const [range = "", step, ...more] = item.split("/");
  if (more.length > 0) return undefined;
  if (step !== undefined && !(/^\d+$/.test(step) && Number(step) > 0)) return undefined;
  const by = Number(step ?? 1);
  if (range === "*") return counted(field.low, field.high, by);
  const ends = range.split("-");
  if (ends.length > 2) return undefined;
  const from = numberOf(ends[0] ?? "", field);
  const to = ends[1] === undefined ? (step === undefined ? from : field.high) : lastOf(ends[1], field);
  if (from === undefined || to === undefined) return undefined;
  if (from === to)
    return ends[1] === undefined && step === undefined ? [from] : counted(field.low, field.high, by);
  return from < to ? counted(from, to, by) : overTheEnd(from, to, by, field);
}

/** Prefect's own way of a range such as `nov-feb` or `fri-mon/2`. */
function overTheEnd(from: number, to: number, by: number, { low, high }: Field): number[] {
  const before = counted(from, high, by);
  const last = before.at(-1) as number;
  const left = high - last;
  const skipped = last - low + by > high - low + 1 && left < by ? by - left : 0;
  return [...before, ...counted(low + skipped, to, by)];
}

function counted(from: number, to: number, by: number): number[] {
  return Array.from({ length: Math.max(0, Math.floor((to - from) / by) + 1) }, (_, i) => from + i * by);
}

/** `5-5`, and `59/5`, which counts from 59 to 59; `0-7` is the whole week as it is written. */
function isEveryByMistake(item: string, field: Field): string | undefined {
  const [, from = "", to, step] = /^(\w+)(?:-(\w+))?(\/\d+)?$/.exec(item) ?? [];
  const first = numberOf(from, field);
  if (first === undefined || (to === undefined && step === undefined)) return undefined;
  if (to === undefined) return first === field.high ? item : undefined;
  if (first !== lastOf(to, field)) return undefined;
  return field === dayOfWeek && numbersDiffer(from, to) ? undefined : item;
}

const numbersDiffer = (a: string, b: string): boolean => Math.abs(Number(a) - Number(b)) === 7;

const lastOf = (text: string, field: Field): number | undefined =>
  field === dayOfMonth && text === "l" ? field.high : numberOf(text, field);

function numberOf(text: string, field: Field): number | undefined {
  const { low, high, names = [] } = field;
  const named = names.indexOf(text);
  if (named >= 0) return named + low;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (field === dayOfWeek && value === 7) return 0;
  return value >= low && value <= high ? value : undefined;
}
