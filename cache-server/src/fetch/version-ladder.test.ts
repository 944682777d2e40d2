/** In which order an upstream is asked whether what is stored is still good: its version endpoint, ETag, Last-Modified, all of it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { formatHttpDate } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import { expect, test } from 'vitest';
import { readBody, startEntries } from '../get-entry.fixture.ts';
import type { TestEntries } from '../get-entry.fixture.ts';

const MODIFIED = 'Mon, 01 Dec 2025 00:00:00 GMT';
const FRESH = { 'cache-control': 'max-age=10' };

/** An upstream with a version endpoint, and what it has been asked for since the last look, with conditions. */
interface Ladder extends TestEntries {
  readonly state: { version: number; content: number; broken: boolean; status: number };
  asked(): string[];
  /** Outcome and body of a request, and what it cost. */
  costs(headers?: HeaderList): Promise<[string, string, ...string[]]>;
  /** The same, when what is stored has expired. */
  expired(headers?: HeaderList): Promise<[string, string, ...string[]]>;
}

type Fields = (content: number, entries: TestEntries) => Record<string, string>;

async function ladder(fields: Fields, upstream: object = {}): Promise<Ladder> {
  const state = { version: 1, content: 1, broken: false, status: 200 };
  const seen: string[] = [];
  const answer = ({ url = '', headers }: IncomingMessage, response: ServerResponse): void => {
    const conditions = [headers['if-none-match'], headers['if-modified-since']].filter(Boolean);
    seen.push([url, ...conditions].join(' '));
    if (url === '/version') {
      response.writeHead(state.broken ? 500 : 200).end(String(state.version));
      return;
    }
    const sent = fields(state.content, entries);
    const isSame = conditions.includes(sent['etag']) || conditions.includes(sent['last-modified']);
    response
      .writeHead(isSame ? 304 : state.status, sent)
      .end(isSame ? undefined : `content ${state.content}`);
  };
  const versionEndpoints = [{ match: '/*', path: '/version' }];
  const entries: TestEntries = await startEntries({ answer, upstream: { versionEndpoints, ...upstream } });
  const asked = (): string[] => seen.splice(0);
  const costs: Ladder['costs'] = async (headers = []) => {
    const { outcome, body } = await entries.get('/doc', headers);
    const text = String(await readBody(body));
    await entries.landed();
    return [outcome, text, ...asked()];
  };
  const expired: Ladder['expired'] = async (headers) => {
    entries.clock.pass(11_000);
    return await costs(headers);
  };
  return { ...entries, state, asked, costs, expired };
}

const etag: Fields = (content) => ({ ...FRESH, etag: `"${content}"` });
const modified: Fields = (content) => ({
  ...FRESH,
  'last-modified': content === 1 ? MODIFIED : 'Tue, 02 Dec 2025 00:00:00 GMT',
});

test.each([
  ['an ETag', etag, '/doc "1"'],
  ['a Last-Modified', modified, `/doc ${MODIFIED}`],
])(
  'the endpoint is asked first, and what has %s is asked for by it where that is not enough',
  async (...given) => {
    const [, fields, condition] = given;
    const { state, costs, expired } = await ladder(fields);
    expect(await costs()).toEqual(['miss', 'content 1', '/doc']);
    // Nothing was told yet of what is stored.
    expect(await expired()).toEqual(['revalidated', 'content 1', '/version', condition]);
    expect(await expired()).toEqual(['revalidated', 'content 1', '/version']);
    expect(await costs()).toEqual(['hit', 'content 1']);
    // Another version, which is not one of this response.
    state.version = 2;
    expect(await expired()).toEqual(['revalidated', 'content 1', '/version', condition]);
    expect(await expired()).toEqual(['revalidated', 'content 1', '/version']);
    state.broken = true;
    expect(await expired()).toEqual(['revalidated', 'content 1', '/version', condition]);
    state.broken = false;
    expect(await expired()).toEqual(['revalidated', 'content 1', '/version']);
    state.version = 3;
    state.content = 2;
    expect(await expired()).toEqual(['refreshed', 'content 2', '/version', condition]);
    expect(await expired()).toEqual(['revalidated', 'content 2', '/version']);
  },
);

test('of a response without validators that may have changed all is fetched, and its bytes tell whether it has', async () => {
  const { state, costs, expired } = await ladder(() => FRESH);
  expect(await costs()).toEqual(['miss', 'content 1', '/doc']);
  expect(await expired()).toEqual(['refreshed', 'content 1', '/version', '/doc']);
  expect(await expired()).toEqual(['revalidated', 'content 1', '/version']);
  state.version = 2;
  expect(await expired()).toEqual(['refreshed', 'content 1', '/version', '/doc']);
});

test('its word is that of the upstream: for a client that wants it, and for what must not be used without', async () => {
  const strict = { 'cache-control': 'max-age=10, must-revalidate', etag: '"1"' };
  const { state, costs, expired } = await ladder(() => strict);
  await costs();
  await expired();
  expect(await costs()).toEqual(['hit', 'content 1']);
  const noCache: HeaderList = [['cache-control', 'no-cache']];
  expect(await costs(noCache)).toEqual(['revalidated', 'content 1', '/version']);
  expect(await expired()).toEqual(['revalidated', 'content 1', '/version']);
  state.version = 2;
  expect(await costs(noCache)).toEqual(['revalidated', 'content 1', '/version', '/doc "1"']);
});

test('each of the responses that a URL has is renewed as it is', async () => {
  const { costs, expired } = await ladder(() => ({ ...FRESH, vary: 'x-tenant', etag: '"1"' }));
  const tenants = ['a', 'b'].map((tenant): HeaderList => [['x-tenant', tenant]]);
  for (const headers of tenants) expect((await costs(headers)).slice(2)).toContain('/doc');
  for (const headers of tenants) await expired(headers);
  for (const headers of tenants)
    expect(await expired(headers)).toEqual(['revalidated', 'content 1', '/version']);
});

test('a date in Expires that has passed is for the response itself to replace', async () => {
  const { costs, expired } = await ladder((_, { clock }) => ({
    etag: '"1"',
    date: formatHttpDate(clock.now()),
    expires: formatHttpDate(clock.now() + 10_000),
  }));
  await costs();
  expect(await expired()).toEqual(['revalidated', 'content 1', '/doc "1"']);
  expect(await costs()).toEqual(['hit', 'content 1']);
  expect(await expired()).toEqual(['revalidated', 'content 1', '/doc "1"']);
});

test('an error is not kept alive by a version that has not changed', async () => {
  const { state, costs, expired } = await ladder(() => FRESH);
  state.status = 404;
  await costs();
  expect(await expired()).toEqual(['refreshed', 'content 1', '/doc']);
  expect(await expired()).toEqual(['refreshed', 'content 1', '/doc']);
});

test.each(['keyed', 'rfc'])(
  'who may have a response is not for the endpoint to say: %s',
  async (credentials) => {
    const fields = { 'cache-control': 'public, max-age=10', etag: '"1"' };
    const { costs, expired } = await ladder(() => fields, { credentials });
    const mine: HeaderList = [['authorization', 'Bearer mine']];
    await costs(mine);
    for (let round = 0; round < 3; round += 1)
      expect(await expired(mine)).toEqual(['revalidated', 'content 1', '/doc "1"']);
  },
);

test('what is purged while the endpoint is asked is not revived by the 304 that comes after it', async () => {
  const { state, upstream, asked, costs, expired, clock, get, invalidate, landed } = await ladder(etag);
  await costs();
  await expired();
  state.version = 2;
  const { answer } = upstream;
  const question = Promise.withResolvers<ServerResponse>();
  upstream.answer = (_, response) => {
    upstream.answer = answer;
    question.resolve(response);
  };
  clock.pass(11_000);
  const answered = get('/doc');
  const endpoint = await question.promise;
  await invalidate('url', '/doc');
  endpoint.writeHead(200).end('2');
  await readBody((await answered).body);
  await landed();
  expect(asked()).toEqual(['/doc "1"']);
  expect((await costs()).slice(2)).toEqual(['/doc']);
});
