/** Times as ISO 8601 writes them, read the same on every machine: what has no offset is told as if it were UTC, never in the zone of the server. */

/** A moment, or a wall clock's time where no offset stands. */
export interface IsoTime {
  /** Milliseconds since 1970. */
  readonly ms: number;
  readonly hasOffset: boolean;
}

const ISO =
  /^(?<year>\d{4}|[+-]\d{6})-(?<month>\d{2})(?:-(?<day>\d{2})(?:[T ](?<hour>\d{2})(?::?(?<minute>\d{2})(?::?(?<second>\d{2})(?:[.,](?<fraction>\d{1,9}))?)?)?\s?(?<offset>Z|[+-]\d{2}(?::?\d{2})?)?)?)?$/i;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Undefined for what is no such time, such as 31 February; digits beyond the millisecond are cut off. */
export function parseIsoTime(text: string): IsoTime | undefined {
  const found = ISO.exec(text.trim())?.groups;
  if (found === undefined) return undefined;
  const day = dayOf(Number(found['year']), Number(found['month']), Number(found['day'] ?? 1));
  const time = timeOf(found);
  const offset = offsetOf(found['offset']);
  if (day === undefined || time === undefined || offset === undefined) return undefined;
  return { ms: day + time - offset, hasOffset: found['offset'] !== undefined };
}

function dayOf(year: number, month: number, day: number): number | undefined {
  const date = new Date(0);
  // Date.UTC takes the years up to 99 for those of the twentieth century.
  date.setUTCFullYear(year, month - 1, day);
  // A day or month that is not there becomes another one.
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.getTime() : undefined;
}

/** Within its day; 24:00 is the end of it. */
function timeOf({ hour = '0', minute = '0', second = '0', fraction = '' }: Record<string, string>) {
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second)];
  const ms =
    (hours * 60 + minutes) * MINUTE_MS + seconds * 1000 + Number(fraction.slice(0, 3).padEnd(3, '0'));
  return minutes < 60 && seconds < 60 && ms <= DAY_MS ? ms : undefined;
}

function offsetOf(text: string | undefined): number | undefined {
  if (text === undefined || text.toUpperCase() === 'Z') return 0;
  const digits = text.slice(1).replace(':', '');
  const [hours, minutes] = [Number(digits.slice(0, 2)), Number(digits.slice(2) || 0)];
  if (hours > 23 || minutes > 59) return undefined;
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * MINUTE_MS;
}
