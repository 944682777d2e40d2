/**
 * What heads say, as values and as lines. The generator makes values, so that the model need not parse what it judges; only the cache
 * sees the lines.
 */

/** Directives of a response by name; durations in seconds. */
export interface ResponseControl {
  readonly 'max-age'?: number;
  readonly 's-maxage'?: number;
  readonly 'stale-while-revalidate'?: number;
  readonly 'stale-if-error'?: number;
  readonly 'no-store'?: true;
  readonly 'no-cache'?: true;
  readonly private?: true;
  readonly public?: true;
  readonly 'must-revalidate'?: true;
  readonly 'proxy-revalidate'?: true;
  readonly 'must-understand'?: true;
}

/** Directives of a request by name; durations in seconds, `max-stale: true` for any. */
export interface RequestControl {
  readonly 'max-age'?: number;
  readonly 'min-fresh'?: number;
  readonly 'max-stale'?: number | true;
  readonly 'stale-if-error'?: number;
  readonly 'no-cache'?: true;
  readonly 'no-store'?: true;
  readonly 'only-if-cached'?: true;
  /** The old way of saying no-cache, a field of its own. */
  readonly pragma?: true;
}

/** How the directives are written down: each form means the same. https://www.rfc-editor.org/rfc/rfc9111#section-5.2 */
export type Spelling = 'plain' | 'upper' | 'quoted' | 'lines' | 'spaced';

/** What the origin says of a response besides its content; times in milliseconds. */
export interface ResponseHead {
  readonly control: ResponseControl | undefined;
  /** `garbage` for one that is no date, and means the past. */
  readonly expires: number | 'garbage' | undefined;
  readonly date: number | undefined;
  readonly ageS: number | undefined;
  readonly etag: string | undefined;
  readonly lastModified: number | undefined;
  /** Lower case; `*` alone for anything. */
  readonly vary: readonly string[] | undefined;
}

export type Lines = readonly (readonly [name: string, value: string])[];

/** Request fields that the origin's responses may vary by. */
export const SELECTING = ['x-tenant', 'accept-language'] as const;

/** Values of the selecting fields, absent ones left out. */
export type Selection = Readonly<Partial<Record<(typeof SELECTING)[number], string>>>;

/** Words that are left out on the wire, as if the cache could not read them: what the model is proved with. */
export type Deafness = ReadonlySet<string>;

export const HEARS_ALL: Deafness = new Set();

/** Milliseconds since 1970 as HTTP writes them. */
export function httpDate(ms: number): string {
  return new Date(ms).toUTCString();
}

/** The lines of a response's head. `response NAME` in `deaf` leaves a directive or field out. */
export function responseLines(head: ResponseHead, spelling: Spelling, deaf: Deafness): Lines {
  const lines: (readonly [string, string | undefined])[] = [
    ...controlLines(head.control ?? {}, spelling, (name) => deaf.has(`response ${name}`)),
    ['expires', typeof head.expires === 'number' ? httpDate(head.expires) : head.expires && '0'],
    ['date', head.date === undefined ? undefined : httpDate(head.date)],
    ['age', head.ageS?.toString()],
    ['etag', head.etag],
    ['last-modified', head.lastModified === undefined ? undefined : httpDate(head.lastModified)],
    ['vary', head.vary?.join(', ')],
  ];
  return lines.flatMap(([name, value]) =>
    value === undefined || deaf.has(`response ${name}`) ? [] : [[name, value] as const],
  );
}

/** The lines of a request's directives. `request NAME` in `deaf` leaves one out. */
export function requestLines(
  { pragma, ...control }: RequestControl,
  spelling: Spelling,
  deaf: Deafness,
): Lines {
  const lines = controlLines(control, spelling, (name) => deaf.has(`request ${name}`));
  return pragma === undefined || deaf.has('request pragma') ? lines : [...lines, ['pragma', 'no-cache']];
}

function controlLines(control: object, spelling: Spelling, isLeftOut: (name: string) => boolean): Lines {
  const members = Object.entries(control)
    .filter(([name]) => !isLeftOut(name))
    .map(([name, value]) => member(name, value as number | true, spelling));
  if (members.length === 0) return [];
  if (spelling === 'lines') return members.map((text) => ['cache-control', text] as const);
  return [['cache-control', members.join(spelling === 'spaced' ? ' ,,\t' : ', ')]];
}

function member(name: string, value: number | true, spelling: Spelling): string {
  const written = spelling === 'upper' ? name.toUpperCase() : name;
  if (value === true) return written;
  return spelling === 'quoted' ? `${written}="${value}"` : `${written}=${value}`;
}
