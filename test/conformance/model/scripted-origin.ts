/** The upstream: a real server that answers what the sequence says, and writes down what it was asked. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Deed, Resource } from './script.ts';
import { SELECTING, responseLines } from './wire-head.ts';
import type { Deafness, ResponseHead, Selection } from './wire-head.ts';

/** What the origin sent; `reset` for a connection that ended instead. */
export type Answer =
  | 'reset'
  | {
      /** Tells every answer from every other; stands where also a 304 repeats it: in Content-Location, but in X-Serial after a deed. */
      readonly serial: string;
      readonly status: number;
      readonly head: ResponseHead;
      /** What was written of the head. */
      readonly lines: Readonly<Record<string, string>>;
      /** What a GET got, or would have got. */
      readonly content: string;
      /** Where the content begins, and of how much it is a part. */
      readonly part?: { readonly first: number; readonly of: number };
      readonly invalidates: readonly string[];
    };

/** One request at the origin; times in milliseconds on the stepped clock. */
export interface Exchange {
  readonly path: string;
  readonly method: string;
  readonly selection: Selection;
  readonly hasCredentials: boolean;
  /** Conditions and Range as they came. */
  readonly asked: Readonly<Partial<Record<(typeof ASKING)[number], string>>>;
  readonly requestTime: number;
  readonly responseTime: number;
  readonly answer: Answer;
}

export const ASKING = ['if-none-match', 'if-modified-since', 'range', 'if-range'] as const;

/** The clock that the origin and the cache go by. */
export interface SteppedClock {
  now: number;
}

/** A running origin. */
export interface ScriptedOrigin extends AsyncDisposable {
  readonly url: string;
  /** What a path answers from now on; `isNew` changes its content. */
  set(path: string, resource: Resource, isNew: boolean): void;
  /** What the next unsafe request brings about. */
  prepare(deed: Deed, urlOf: (target: 0 | 1 | 'elsewhere') => string): void;
  /** What it was asked since the last call. */
  taken(): Exchange[];
}

interface Held {
  readonly resource: Resource;
  readonly edition: number;
  readonly lastModified: number | undefined;
}

/** Fields that the client must see as they were. */
export const SHOWN = ['cache-control', 'expires', 'etag', 'last-modified', 'vary'] as const;

/** Starts an origin. */
export async function startScriptedOrigin(clock: SteppedClock, deaf: Deafness): Promise<ScriptedOrigin> {
  const held = new Map<string, Held>();
  let log: Exchange[] = [];
  let serials = 0;
  let prepared: { deed: Deed; urlOf: (target: 0 | 1 | 'elsewhere') => string } | undefined;

  const answerOf = (request: IncomingMessage, path: string): { answer: Answer; lines: Lines } => {
    const serial = `s${(serials += 1)}`;
    const isSafe = request.method === 'GET' || request.method === 'HEAD';
    if (!isSafe) return deedAnswer(serial, prepared);
    const found = held.get(path) ?? {
      resource: { status: 404, spelling: 'plain' },
      edition: 0,
      lastModified: undefined,
    };
    clock.now += (found.resource.delayS ?? 0) * 1000;
    return resourceAnswer(request, { serial, path, found, now: clock.now, deaf });
  };

  const server = createServer((request, response) => {
    request.resume();
    const path = request.url ?? '';
    const requestTime = clock.now;
    const { answer, lines } = answerOf(request, path);
    log.push({
      path,
      method: String(request.headers['x-method'] ?? request.method),
      selection: pick(request, SELECTING),
      hasCredentials: request.headers.authorization !== undefined,
      asked: pick(request, ASKING),
      requestTime,
      responseTime: clock.now,
      answer,
    });
    send(request, response, { answer, lines });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    set(path, resource, isNew) {
      const before = held.get(path);
      const edition = (before?.edition ?? 0) + (isNew || before === undefined ? 1 : 0);
      const ago = resource.lastModifiedS;
      const kept = isNew ? undefined : before?.lastModified;
      const lastModified = ago === undefined ? undefined : (kept ?? clock.now - ago * 1000);
      held.set(path, { resource, edition, lastModified });
    },
    prepare: (deed, urlOf) => (prepared = { deed, urlOf }),
    taken() {
      const seen = log;
      log = [];
      return seen;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Lines = readonly (readonly [string, string])[];

function pick<N extends string>(
  { headers }: IncomingMessage,
  names: readonly N[],
): Partial<Record<N, string>> {
  const found = names.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]]));
  return Object.fromEntries(found) as Partial<Record<N, string>>;
}

function deedAnswer(
  serial: string,
  prepared: { deed: Deed; urlOf: (target: 0 | 1 | 'elsewhere') => string } | undefined,
): { answer: Answer; lines: Lines } {
  if (prepared === undefined || prepared.deed.status === 'reset') return { answer: 'reset', lines: [] };
  const { deed, urlOf } = prepared;
  const named = [
    ['location', deed.location],
    ['content-location', deed.contentLocation],
  ] as const;
  const lines = named.flatMap(([name, to]) => (to === undefined ? [] : [[name, urlOf(to)] as const]));
  const invalidates = lines.map(([, value]) => value);
  const content = prepared.deed.status === 204 ? '' : 'done';
  const status = prepared.deed.status;
  return { answer: { serial, status, head: NO_HEAD, lines: {}, content, invalidates }, lines };
}

const NO_HEAD: ResponseHead = {
  control: undefined,
  expires: undefined,
  date: undefined,
  ageS: undefined,
  etag: undefined,
  lastModified: undefined,
  vary: undefined,
};

function resourceAnswer(
  request: IncomingMessage,
  {
    serial,
    path,
    found,
    now,
    deaf,
  }: { serial: string; path: string; found: Held; now: number; deaf: Deafness },
): { answer: Answer; lines: Lines } {
  const { resource, edition, lastModified } = found;
  if (resource.status === 'reset') return { answer: 'reset', lines: [] };
  const selected = (resource.vary ?? [])
    .filter((name) => name !== '*')
    .map((name) => `${name}=${String(request.headers[name])}`);
  const opaque = `"${[edition, ...selected].join(';')}"`;
  const skew = resource.dateSkewS ?? 0;
  const date = skew === 'none' ? undefined : now + skew * 1000;
  const after = resource.expiresS;
  const isOk = resource.status >= 200 && resource.status < 300;
  const head: ResponseHead = {
    // Directives of which there are none are not written down: a 304 then leaves those that are stored.
    control: Object.keys(resource.control ?? {}).length === 0 ? undefined : resource.control,
    expires: typeof after === 'number' ? (date ?? now) + after * 1000 : after,
    date,
    ageS: resource.ageS,
    etag: isOk && resource.etag ? `${resource.etag === 'weak' ? 'W/' : ''}${opaque}` : undefined,
    lastModified: isOk ? lastModified : undefined,
    vary: resource.vary,
  };
  const lines = responseLines(head, resource.spelling, deaf);
  const full = `content of ${path} (${resource.status}) for ${selected.join(' ')}.`;
  // Each part of it shows what edition it is of.
  const content = resource.status === 204 ? '' : full.replaceAll(/../g, `$&${edition}`);
  const shown = Object.fromEntries(
    SHOWN.flatMap((name) => {
      const values = lines.filter(([other]) => other === name).map(([, value]) => value);
      return values.length === 0 ? [] : [[name, values.join(', ')]];
    }),
  );
  const answer = { serial, status: resource.status, head, lines: shown, content, invalidates: [] };
  if (isOk && isUnmodified(request, head)) return { answer: { ...answer, status: 304, content: '' }, lines };
  return { answer: resource.ranges && resource.status === 200 ? partOf(request, answer) : answer, lines };
}

function isUnmodified({ headers }: IncomingMessage, { etag, lastModified }: ResponseHead): boolean {
  const tags = headers['if-none-match'];
  if (tags !== undefined) {
    if (tags.trim() === '*') return true;
    return etag !== undefined && tags.split(', ').some((tag) => opaqueTag(tag) === opaqueTag(etag));
  }
  const since = headers['if-modified-since'];
  return since !== undefined && lastModified !== undefined && lastModified <= Date.parse(since);
}

function opaqueTag(tag: string): string {
  return tag.replace(/^W\//, '');
}

type Full = Exclude<Answer, 'reset'>;

/** One part, where one is asked for that can be had and no If-Range stands against it. */
function partOf({ method, headers }: IncomingMessage, answer: Full): Full {
  const [, from, to = '', suffix] = /^bytes=(?:(\d+)-(\d*)|-(\d+))$/.exec(headers.range ?? '') ?? [];
  const tag = headers['if-range'] as string | undefined;
  if (method !== 'GET' || (from ?? suffix) === undefined) return answer;
  if (tag !== undefined && !isTagOf(tag, answer.head)) return answer;
  const of = answer.content.length;
  const first = from === undefined ? Math.max(0, of - Number(suffix)) : Number(from);
  const content = answer.content.slice(first, to === '' ? of : Number(to) + 1);
  return content === '' ? answer : { ...answer, status: 206, content, part: { first, of } };
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5 */
function isTagOf(tag: string, { etag, lastModified, date }: ResponseHead): boolean {
  if (tag.includes('"')) return tag === etag && !tag.startsWith('W/');
  if (lastModified === undefined || date === undefined || date - lastModified < 60_000) return false;
  return lastModified === Date.parse(tag);
}

function serialField({ method }: IncomingMessage): string {
  return method === 'GET' || method === 'HEAD' ? 'content-location' : 'x-serial';
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { answer, lines }: { answer: Answer; lines: Lines },
): void {
  if (answer === 'reset') {
    request.socket.resetAndDestroy();
    return;
  }
  const { status, serial, content, part } = answer;
  response.sendDate = false;
  const bodyless = status === 204 || status === 304;
  const framing = bodyless
    ? []
    : ['content-length', String(Buffer.byteLength(content)), 'content-type', 'text/plain'];
  const range = part && `bytes ${part.first}-${part.first + content.length - 1}/${part.of}`;
  const ranged = range === undefined ? [] : ['content-range', range];
  response.writeHead(status, [...lines.flat(), ...framing, ...ranged, serialField(request), serial]);
  response.end(request.method === 'HEAD' || bodyless ? '' : content);
}
