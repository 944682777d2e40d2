/** `date`: one partition for each year, quarter, month, week, day or hour of a field, in a time zone. */
import type { RecordValue } from '@pannier/proto/partition-format';
import { parseIsoTime } from './iso-time.ts';
import { fieldValue, MISSING } from './key-value.ts';
import type { OpenStrategy, Placement, Strategy } from './strategy.ts';

/** Weeks are those of ISO 8601. */
export type DateUnit = 'year' | 'quarter' | 'month' | 'week' | 'day' | 'hour';

/** How a field tells the time. */
export type DateSource = 'iso' | 'epochSeconds' | 'epochMillis';

/** Settings of {@link dateStrategy}. */
export interface DateOptions {
  readonly field: string;
  readonly unit: DateUnit;
  /** IANA name. A date without time, or a time without offset, is a wall clock's already and is not moved. */
  readonly timeZone: string;
  readonly from: DateSource;
}

/** A calendar's view of a moment; `offset` such as `+02:00` where an hour needs it to be one of its kind. */
interface Wall {
  readonly ms: number;
  readonly offset: string;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Offsets change at quarters of an hour, so that all moments of one have the same. */
const OFFSET_STEP_MS = 15 * MINUTE_MS;
const REMEMBERED_MAX = 50_000;

class DateStrategy implements Strategy {
  readonly keyNames: readonly string[];
  missing = 0;
  readonly #options: DateOptions;
  readonly #format: Intl.DateTimeFormat;
  readonly #offsets = new Map<number, number>();
  readonly #known = new Map<RecordValue, readonly Placement[]>();

  constructor(options: DateOptions) {
    this.#options = options;
    this.keyNames = [options.unit];
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: options.timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
      era: 'short',
    });
  }

  place(record: RecordValue): readonly Placement[] {
    const value = fieldValue(record, this.#options.field) ?? null;
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const wall = this.#wallOf(value);
    if (wall === undefined) {
      this.missing += 1;
      return [{ name: MISSING, key: [undefined] }];
    }
    const name = unitName(wall, this.#options.unit);
    const placed = [{ name, key: [name] }];
    if (this.#known.size < REMEMBERED_MAX) this.#known.set(value, placed);
    return placed;
  }

  #wallOf(value: RecordValue): Wall | undefined {
    if (this.#options.from !== 'iso') {
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      if (typeof number !== 'number' || !Number.isFinite(number)) return undefined;
      return this.#inZone(this.#options.from === 'epochSeconds' ? number * 1000 : number);
    }
    if (typeof value !== 'string') return undefined;
    const time = parseIsoTime(value);
    if (time === undefined) return undefined;
    return time.hasOffset ? this.#inZone(time.ms) : { ms: time.ms, offset: '' };
  }

  #inZone(ms: number): Wall | undefined {
    if (Math.abs(ms) > 8.64e15) return undefined;
    const step = Math.floor(ms / OFFSET_STEP_MS);
    let offsetMs = this.#offsets.get(step);
    if (offsetMs === undefined) {
      offsetMs = this.#offsetAt(step * OFFSET_STEP_MS);
      if (this.#offsets.size < REMEMBERED_MAX) this.#offsets.set(step, offsetMs);
    }
    const minutes = Math.round(offsetMs / MINUTE_MS);
    const two = (count: number): string => String(Math.abs(count)).padStart(2, '0');
    const offset = `${minutes < 0 ? '-' : '+'}${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`;
    return { ms: ms + offsetMs, offset };
  }

  #offsetAt(ms: number): number {
    const parts: Record<string, string> = {};
    for (const { type, value } of this.#format.formatToParts(ms)) parts[type] = value;
    const number = (type: string): number => Number(parts[type]);
    const year = parts['era'] === 'BC' ? 1 - number('year') : number('year');
    const wall = new Date(0);
    wall.setUTCFullYear(year, number('month') - 1, number('day'));
    wall.setUTCHours(number('hour'), number('minute'), number('second'));
    return wall.getTime() - Math.floor(ms / 1000) * 1000;
  }
}

function unitName({ ms, offset }: Wall, unit: DateUnit): string {
  const iso = new Date(ms).toISOString();
  const day = iso.slice(0, iso.indexOf('T'));
  const month = day.slice(0, -3);
  const year = month.slice(0, -3);
  switch (unit) {
    case 'year':
      return year;
    case 'quarter':
      return `${year}-Q${Math.ceil(Number(month.slice(-2)) / 3)}`;
    case 'month':
      return month;
    case 'week':
      return isoWeek(ms);
    case 'day':
      return day;
    case 'hour':
      return `${iso.slice(0, iso.indexOf('T') + 3)}${offset}`;
  }
}

/** The week belongs to the year that has its Thursday. */
function isoWeek(ms: number): string {
  const weekday = (new Date(ms).getUTCDay() + 6) % 7;
  const thursday = new Date(Math.floor(ms / DAY_MS) * DAY_MS + (3 - weekday) * DAY_MS);
  const firstDay = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = Math.floor((thursday.getTime() - firstDay) / (7 * DAY_MS)) + 1;
  return `${thursday.getUTCFullYear()}-W${String(week).padStart(2, '0')}`;
}

/** Values that are no dates go to `missing`. */
export function dateStrategy(options: DateOptions): OpenStrategy {
  return () => new DateStrategy(options);
}
