import type { RequestListener } from 'node:http';
import { expect, it } from 'vitest';
import { header, readBody, startEntries } from '../get-entry.fixture.ts';

const FRESH = { 'cache-control': 'max-age=60' };
const BODY = 'x'.repeat(100);

type Case = [reason: string, status: number, headers: Record<string, string>, upstream?: object];

const REFUSED: readonly Case[] = [
  ['no-store', 200, { 'cache-control': 'no-store' }],
  ['private', 200, { 'cache-control': 'private, max-age=60' }],
  ['set-cookie', 200, { ...FRESH, 'set-cookie': 'a=b' }],
  ['vary-any', 200, { ...FRESH, vary: '*' }],
  ['vary', 200, { ...FRESH, vary: 'authorization' }],
  ['status', 429, FRESH],
  ['status-without-freshness', 503, {}],
  ['nothing-to-reuse', 200, { 'cache-control': 'max-age=0' }],
  ['not-understood', 599, { 'cache-control': 'max-age=60, must-understand' }],
  ['credentials', 200, FRESH, { credentials: 'rfc' }],
];

const answering =
  (status: number, headers: Record<string, string>): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, headers).end(BODY);

it.each<Case>(REFUSED)('what is not stored says why: %s', async (...refused) => {
  const [reason, status, headers, upstream = {}] = refused;
  const { get } = await startEntries({ answer: answering(status, headers), upstream });
  const asked = reason === 'credentials' ? ([['Authorization', 'Bearer x']] as const) : [];
  const member = header(await get('/a', asked), 'cache-status');
  expect(member).toMatch(`pannier-server; fwd=uri-miss; fwd-status=${status}; `);
  expect(member).toMatch(new RegExp(`; stored=\\?0; detail=${reason}$`));
});

it('a body that only its connection ends, or that is too large, says so', async () => {
  const { get, upstream } = await startEntries({
    answer: (_request, response) => {
      response.shouldKeepAlive = false;
      response.removeHeader('transfer-encoding');
      response.useChunkedEncodingByDefault = false;
      response.writeHead(200, FRESH).end(BODY);
    },
    limits: { entryBytesMax: 50 },
  });
  const closed = await get('/a', [['Accept-Language', 'en']]);
  expect(header(closed, 'cache-status')).toMatch(/; stored=\?0; detail=close-delimited$/);
  closed.body.release();
  upstream.answer = (_request, response) =>
    void response.writeHead(200, { ...FRESH, 'content-length': BODY.length }).end(BODY);
  const large = await get('/b');
  expect(header(large, 'cache-status')).toMatch(/; stored=\?0; detail=too-large$/);
  expect(await readBody(large.body)).toHaveLength(BODY.length);
});

it('whoever is kept from waiting for such a response can ask why', async () => {
  const { get, ask, service, upstream, landed } = await startEntries({
    answer: answering(200, { 'cache-control': 'private' }),
  });
  await get('/a');
  await landed();
  expect(await ask('/a')).toMatchObject({ kind: 'bypass', outcome: 'bypass-uncacheable' });
  const asked = { method: 'GET', url: `${upstream.url}/a`, headers: [] };
  const { reasons } = await service.explain(asked, { identity: 'test' });
  expect(reasons).toContain('Its last response was for one caller alone: private.');
});

it('what is stored says nothing of the kind', async () => {
  const { get } = await startEntries({ answer: answering(200, FRESH) });
  expect(header(await get('/a'), 'cache-status')).toMatch(/; ttl=60; stored$/);
});
