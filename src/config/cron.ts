interface Field {
  readonly what: string;
  readonly low: number;
  readonly high: number;
  readonly names?: readonly string[];
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const fields: readonly Field[] = [
  { what: "a minute", low: 0, high: 59 },
  { what: "an hour", low: 0, high: 23 },
  { what: "a day of the month", low: 1, high: 31 },
  { what: "a month", low: 1, high: 12, names: months },
  { what: "a day of the week", low: 0, high: 7, names: days },
];

/**
 * The expected field of a wrong cron expression: `an hour from 0 to 23 as the second cron field`;
 * undefined if it is right. Lists, ranges, steps and the English short names of months and days are
 * supported.
 */
export function cronProblem(text: string): string | undefined {
  const given = text.trim().split(/\s+/);
  if (given.length !== fields.length) return undefined; // another rule checks the form
  const wrong = fields.findIndex((field, i) => !given[i]?.split(",").every((item) => isItem(item, field)));
  const field = fields[wrong];
  if (!field) return undefined;
  const place = ["first", "second", "third", "fourth", "fifth"][wrong];
  const names = field.names ? ` or ${field.names[0]} to ${field.names.at(-1)}` : "";
  return `${field.what} from ${field.low} to ${field.high}${names} as the ${place} cron field`;
}

/** One of a list: `*`, `5`, `mon-fri`, each with a step or without. */
function isItem(item: string, field: Field): boolean {
  const [range = "", step, ...more] = item.split("/");
  if (more.length > 0) return false;
  if (step !== undefined && !(/^\d+$/.test(step) && Number(step) > 0)) return false;
  if (range === "*") return true;
  const ends = range.split("-").map((end) => fieldValue(end, field));
  const [from, to = from] = ends;
  return ends.length <= 2 && from !== undefined && to !== undefined && from <= to;
}

function fieldValue(text: string, { low, high, names = [] }: Field): number | undefined {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return named + low;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= low && value <= high ? value : undefined;
}
