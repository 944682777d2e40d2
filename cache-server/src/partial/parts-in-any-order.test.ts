import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { header, readBody } from '../get-entry.fixture.ts';
import { answering, bytesOf, LENGTH, rangedContent, startRanged, tagOf, told } from './partial.fixture.ts';

/** One of several requests that are made at once, or something that happens before them. */
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.nat(LENGTH - 1), fc.nat(LENGTH - 1))
      .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
  },
  { weight: 2, arbitrary: fc.constant('whole' as const) },
  { weight: 2, arbitrary: fc.constant('changed' as const) },
  { weight: 1, arbitrary: fc.constant('a minute passes' as const) },
);

describe('parts in any order, several at once, while versions change', () => {
  it.each([0, LENGTH])(
    'are always bytes of the version that the answer names (filled up to %d bytes)',
    async (fill) => {
      const property = fc.asyncProperty(
        fc.array(fc.array(step, { maxLength: 5 }), { maxLength: 6 }),
        async (rounds) => {
          const content = rangedContent(LENGTH);
          const { part, get, landed, clock, service } = await startRanged(content, fill);
          const versions = new Map<string, Buffer>();
          versions.set(tagOf(content.body), content.body);
          for (const round of rounds) {
            const asked: Promise<void>[] = [];
            for (const one of round) {
              if (one === 'changed') {
                content.body = bytesOf(LENGTH, versions.size);
                versions.set(tagOf(content.body), content.body);
              } else if (one === 'a minute passes') clock.pass(61_000);
              else asked.push(check(one));
            }
            await Promise.all(asked);
            await landed();
          }
          service.close();

          async function check(one: string): Promise<void> {
            const answer = one === 'whole' ? await get('/a') : await part(one);
            const [, first = '0', last = String(LENGTH - 1)] =
              /^bytes (\d+)-(\d+)/.exec(header(answer, 'content-range') ?? '') ?? [];
            expect(answer.status).toBe(one === 'whole' ? 200 : 206);
            expect(`${first}-${last}`).toBe(one === 'whole' ? `0-${LENGTH - 1}` : one);
            const version = versions.get(header(answer, 'etag') ?? '');
            const body = await readBody(answer.body);
            expect(version?.subarray(Number(first), Number(last) + 1).equals(body)).toBe(true);
          }
        },
      );
      await fc.assert(property, { numRuns: 40 });
    },
  );

  it('all find their place when many come at once', async () => {
    const content = rangedContent(LENGTH);
    const { part, get, landed } = await startRanged(content);
    const starts = Array.from({ length: 20 }, (_, index) => index * 500);
    await Promise.all(starts.map(async (first) => await part(`${first}-${first + 499}`)));
    await landed();
    expect(await told(await get('/a'), content.body)).toBe('hit 200 whole');
    expect(content.asked).toHaveLength(20);
  });
});

describe('parts of a response that varies', () => {
  it('are told apart by what it varies by', async () => {
    const content = rangedContent(LENGTH);
    const { part, landed, upstream } = await startRanged(content);
    upstream.answer = (request, response) => {
      const tenant = String(request.headers['x-tenant']);
      const body = bytesOf(LENGTH, tenant.length);
      answering({ ...content, body, headers: { ...content.headers, vary: 'x-tenant' } })(request, response);
    };
    const tenants = ['a', 'bb', 'ccc'];
    const ask = async (tenant: string, range: string): Promise<string> =>
      await told(await part(range, [['X-Tenant', tenant]]), bytesOf(LENGTH, tenant.length).subarray(0, 100));
    const first = await Promise.all(tenants.map(async (tenant) => await ask(tenant, '0-99')));
    for (const answer of first) expect(answer).toMatch(/206 bytes 0-99\/10000$/);
    await landed();
    expect(new Set(await Promise.all(tenants.map(async (tenant) => await ask(tenant, '0-99'))))).toEqual(
      new Set(['hit 206 bytes 0-99/10000']),
    );
  });

  it('belong to those alone who sent the same credentials, where they are kept so', async () => {
    const content = rangedContent(LENGTH);
    const { part, landed, upstream } = await startRanged(content, 0, { credentials: 'keyed' });
    const ask = async (who: string): Promise<string> =>
      (await part('0-99', [['Authorization', who]])).outcome;
    expect(await ask('Bearer a')).toBe('miss');
    await landed();
    expect([await ask('Bearer a'), await ask('Bearer b')]).toEqual(['hit', 'miss']);
    expect(upstream.requests).toHaveLength(2);
  });
});

it('a part stays fresh for as long as the configuration says', async () => {
  const content = rangedContent(LENGTH, { headers: { 'cache-control': 'max-age=1' } });
  const { part, landed, clock } = await startRanged(content, 0, { forcedTtlMs: 600_000 });
  await part('0-99');
  await landed();
  clock.pass(500_000);
  expect((await part('10-19')).outcome).toBe('hit');
});

it('a part whose bytes are lost is fetched anew', async () => {
  const content = rangedContent(LENGTH);
  const { part, landed, store } = await startRanged(content);
  await part('0-7999');
  await landed();
  const read = store.readFrames.bind(store);
  store.readFrames = async (scope, digests) => {
    await store.deleteFrames(scope, digests);
    return await read(scope, digests);
  };
  expect(await told(await part('3000-3099'), content.body.subarray(3000, 3100))).toBe(
    'miss 206 bytes 3000-3099/10000',
  );
});
