const DAYS = 'Mon|Tue|Wed|Thu|Fri|Sat|Sun';
const LONG_DAYS = 'Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday';
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = '(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})';

/**
 * The three formats of https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7, whose case matters to whom it is sent, and not to a
 * cache: https://www.rfc-editor.org/rfc/rfc9111#section-4.2
 */
const IMF_FIXDATE = new RegExp(`^(?:${DAYS}), (?<day>\\d{2}) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`, 'i');
const RFC_850 = new RegExp(`^(?:${LONG_DAYS}), (?<day>\\d{2})-${MONTH}-(?<year>\\d{2}) ${TIME} GMT$`, 'i');
const ASCTIME = new RegExp(`^(?:${DAYS}) ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`, 'i');

const FIFTY_YEARS_MS = 50 * 365.25 * 24 * 3_600_000;

/**
 * An HTTP date in milliseconds since 1970, or undefined for anything that is not exactly one, another zone's above all.
 *
 * @param now milliseconds; decides the century of a two-digit year
 */
export function parseHttpDate(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const groups = (IMF_FIXDATE.exec(text) ?? RFC_850.exec(text) ?? ASCTIME.exec(text))?.groups;
  if (groups === undefined) return undefined;
  const { year = '', month = '', day = '', hour = '', minute = '', second = '' } = groups;
  const monthIndex = MONTHS.findIndex((name) => name.toLowerCase() === month.toLowerCase());
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const at = (fullYear: number): number | undefined => {
    const midnight = new Date(0).setUTCFullYear(fullYear, monthIndex, Number(day));
    // 31 June rolls over to 1 July: no such day.
    if (new Date(midnight).getUTCDate() !== Number(day)) return undefined;
    return midnight + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000;
  };
  if (year.length === 4) return at(Number(year));
  const thisCentury = at(Math.floor(new Date(now).getUTCFullYear() / 100) * 100 + Number(year));
  // More than 50 years ahead means the past: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7-7
  if (thisCentury === undefined || thisCentury <= now + FIFTY_YEARS_MS) return thisCentury;
  return at(Math.floor(new Date(now).getUTCFullYear() / 100) * 100 - 100 + Number(year));
}

/** Milliseconds since 1970 as an IMF-fixdate, the only format that may be sent. */
export function formatHttpDate(ms: number): string {
  return new Date(ms).toUTCString();
}
