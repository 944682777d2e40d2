import { describe, expect, it } from 'vitest';
import { readBody, startEntries } from '../get-entry.fixture.ts';
import type { TestEntries } from '../get-entry.fixture.ts';

const HOUR_MS = 3_600_000;
const FRESH = { 'cache-control': 'max-age=60' };

async function outcomeFor(entries: TestEntries, path: string, language: string): Promise<string> {
  return (await entries.get(path, [['Accept-Language', language]])).outcome;
}

describe('a write to a URL', () => {
  it.each(['/a', `/a?${'x'.repeat(2000)}`])(
    'outdates all of its entries, however many come at once and however long it is',
    async (path) => {
      const entries = await startEntries({
        answer: (_, response) => response.writeHead(200, FRESH).end('x'),
      });
      const languages = Array.from({ length: 20 }, (_, at) => `l${at}`);
      await Promise.all(languages.map(async (language) => await outcomeFor(entries, path, language)));
      await entries.landed();
      expect(await outcomeFor(entries, path, 'l7')).toBe('hit');
      await entries.invalidate('url', path);
      for (const language of languages) expect(await outcomeFor(entries, path, language)).toBe('miss');
    },
  );

  it('keeps a fetch of a long URL that is under way from publishing', async () => {
    const held = Promise.withResolvers<() => void>();
    const path = `/${'y'.repeat(3000)}`;
    const entries = await startEntries({
      answer: (_, response) => {
        response.writeHead(200, { ...FRESH, 'content-length': 2 }).write('a');
        held.resolve(() => response.end('b'));
      },
    });
    const first = entries.get(path);
    const finish = await held.promise;
    await entries.invalidate('url', path);
    finish();
    expect(String(await readBody((await first).body))).toBe('ab');
    await entries.landed();
    expect(await entries.storedKeys()).toEqual([]);
  });

  it('outdates an entry that was confirmed long after it was stored', async () => {
    const entries = await startEntries({
      answer: ({ headers }, response) => {
        const isConfirmed = headers['if-none-match'] === '"1"';
        response.writeHead(isConfirmed ? 304 : 200, { 'cache-control': 'max-age=9000000', etag: '"1"' });
        response.end(isConfirmed ? undefined : 'x');
      },
    });
    const language: [string, string] = ['Accept-Language', 'fr'];
    await entries.get('/a', [language]);
    await entries.landed();
    entries.clock.pass(23 * HOUR_MS);
    const confirmed = await entries.get('/a', [language, ['Cache-Control', 'no-cache']]);
    expect(confirmed.outcome).toBe('revalidated');
    // Longer than a week after it was stored, less than one after the confirmation.
    entries.clock.pass(6 * 24 * HOUR_MS + 2 * HOUR_MS);
    expect(await outcomeFor(entries, '/a', 'fr')).toBe('hit');
    await entries.invalidate('url', '/a');
    expect(await outcomeFor(entries, '/a', 'fr')).toBe('miss');
  });
});

describe('of two fetches of one URL', () => {
  it('the one that began last has the last word, whichever ends last', async () => {
    const bytes = 200_000;
    const ends: (() => void)[] = [];
    const entries = await startEntries({
      answer: (_, response) => {
        const body = String(ends.length + 1).repeat(bytes);
        response.writeHead(200, { ...FRESH, 'content-length': bytes }).write(body.slice(0, bytes / 2));
        ends.push(() => response.end(body.slice(bytes / 2)));
      },
    });
    // Their heads are there, their bodies are not.
    const slow = await entries.get('/a');
    entries.clock.pass(2000);
    const quick = await entries.get('/a', [['Cache-Control', 'no-cache']]);
    ends[1]?.();
    expect(String(await readBody(quick.body))).toBe('2'.repeat(bytes));
    ends[0]?.();
    expect(String(await readBody(slow.body))).toBe('1'.repeat(bytes));
    await entries.landed();
    expect(String(await readBody((await entries.get('/a')).body))).toBe('2'.repeat(bytes));
  });

  it.each([{}, { vary: 'x-region' }])(
    'also within one millisecond, and where the older one varies: %o',
    async (vary) => {
      const held = Promise.withResolvers<() => void>();
      const entries = await startEntries({
        // Requests with credentials share no fetch.
        upstream: { credentials: 'rfc' },
        answer: ({ headers: { authorization } }, response) => {
          const shared = { 'cache-control': 'public, max-age=600' };
          if (authorization === 'late') response.writeHead(200, shared).end('new');
          else held.resolve(() => response.writeHead(200, { ...shared, ...vary }).end('old'));
        },
      });
      const slow = entries.get('/a', [['Authorization', 'early']]);
      const finish = await held.promise;
      entries.clock.pass('vary' in vary ? 1 : 0);
      await readBody((await entries.get('/a', [['Authorization', 'late']])).body);
      while (entries.service.activity().flights > 1) await new Promise((resolve) => setImmediate(resolve));
      finish();
      expect(String(await readBody((await slow).body))).toBe('old');
      await entries.landed();
      // What responses vary by is remembered for half a minute without looking.
      entries.clock.pass(31_000);
      expect(String(await readBody((await entries.get('/a')).body))).toBe('new');
    },
  );
});
