import { expect, test } from 'vitest';
import type { RequestListener } from 'node:http';
import { CacheServerError } from '../errors.ts';
import { startTestCluster } from '../fetch/cluster.fixture.ts';
import { startEntries } from '../get-entry.fixture.ts';
import type { TestEntries } from '../get-entry.fixture.ts';

const WATCH = { signal: new AbortController().signal, onBytes: (): void => undefined };
/** As the schedule asks. */
const CONFIRMING = { method: 'GET', headers: [['cache-control', 'no-cache']] as const, isConfirming: true };

function always(fields: Record<string, string>, content: string): RequestListener {
  return (_, response) => response.writeHead(200, { 'cache-control': 'max-age=1', ...fields }).end(content);
}

async function warm({ service, upstream }: TestEntries): Promise<void> {
  await service.warm({ ...CONFIRMING, url: `${upstream.url}/w` }, WATCH);
}

const SMALL = 'the same bytes';
const LARGE = 'the same bytes '.repeat(100_000);

test.each([
  { which: 'a small body without validators', fields: {}, content: SMALL },
  { which: 'a large body without validators', fields: {}, content: LARGE },
  { which: 'a small body whose ETag changes nothing', fields: { etag: '"one"' }, content: SMALL },
  { which: 'a large body whose ETag changes nothing', fields: { etag: '"one"' }, content: LARGE },
])('$which that comes once more as it was is refreshed by one fetch', async ({ fields, content }) => {
  const entries = await startEntries({ answer: always(fields, content) });
  for (const asked of [1, 2, 3]) {
    await warm(entries);
    expect(entries.upstream.requests).toHaveLength(asked);
    entries.clock.pass(500);
  }
  entries.clock.pass(60_000);
  await warm(entries);
  expect(entries.upstream.requests).toHaveLength(4);
});

test('it is refreshed for another server, too, which follows that fetch', async () => {
  const cluster = await startTestCluster({ answer: always({}, SMALL), servers: 2 });
  for (const asked of [1, 2]) {
    const arrived = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    cluster.answer((_, response) => {
      arrived.resolve();
      void held.promise.then(() => always({}, SMALL)(_, response));
    });
    const request = { ...CONFIRMING, url: `${cluster.url}/w` };
    const first = cluster.services[0]!.warm(request, WATCH);
    await arrived.promise;
    const second = cluster.services[1]!.warm(request, WATCH);
    await cluster.followed([1], asked);
    held.resolve();
    await Promise.all([first, second]);
    expect(cluster.asked()).toBe(asked);
  }
});

test('what was purged while it was fetched is fetched again', async () => {
  const entries = await startEntries({ answer: always({}, SMALL) });
  await warm(entries);
  const { answer } = entries.upstream;
  entries.upstream.answer = (request, response) => {
    entries.upstream.answer = answer;
    void entries.invalidate('url', '/w').then(() => answer(request, response));
  };
  await warm(entries);
  expect(entries.upstream.requests).toHaveLength(3);
});

test.each([
  { which: 'manifests', content: SMALL, writes: 'writeManifest' },
  { which: 'partitions', content: LARGE, writes: 'writeFrames' },
  { which: 'a read of what was written', content: SMALL, writes: 'readManifest' },
] as const)('a store that fails $which is named as the reason', async ({ content, writes }) => {
  const entries = await startEntries({ answer: always({}, content) });
  const away = new CacheServerError('store', 'the store does not answer');
  const fail = (): Promise<never> => Promise.reject(away);
  Object.assign(entries.store, { [writes]: fail });
  await expect(warm(entries)).rejects.toMatchObject({
    code: 'store',
    message: 'it was not stored: the store does not answer',
    cause: away,
  });
});

test.each([
  { fields: { 'cache-control': 'private' }, limits: {}, reason: 'private' },
  { fields: {}, limits: { entryBytesMax: 100_000 }, reason: 'too-large' },
])(
  'a response that may not be stored is refused for good, for $reason',
  async ({ fields, limits, reason }) => {
    const entries = await startEntries({ answer: always(fields, LARGE), limits });
    await expect(warm(entries)).rejects.toMatchObject({
      code: 'bad-data',
      message: `its response may not be stored (${reason})`,
    });
    expect(entries.upstream.requests).toHaveLength(1);
  },
);
