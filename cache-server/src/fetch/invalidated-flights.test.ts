import type { ServerResponse } from 'node:http';
import { expect, test, vi } from 'vitest';
import { readBody, startEntries } from '../get-entry.fixture.ts';
import type { TestEntries } from '../get-entry.fixture.ts';

const TAGGED = { 'cache-control': 'max-age=60', 'surrogate-key': 'a b', etag: '"1"' };

/** An upstream that answers when the test says so. */
async function startHeld(upstream = {}): Promise<{ entries: TestEntries; held: ServerResponse[] }> {
  const held: ServerResponse[] = [];
  const entries = await startEntries({ upstream, answer: (_, response) => void held.push(response) });
  return { entries, held };
}

async function text(answer: ReturnType<TestEntries['get']>): Promise<string> {
  return String(await readBody((await answer).body));
}

test('a fetch whose tag was invalidated before its head came answers those who asked before, and nobody else', async () => {
  const { entries, held } = await startHeld();
  const before = text(entries.get('/a'));
  await vi.waitFor(() => expect(held).toHaveLength(1));
  await entries.invalidate('tag', 'b');
  const after = text(entries.get('/a'));
  // Nobody knows yet whether it has the tag: the fetch is shared until its head tells.
  await new Promise((resolve) => setImmediate(resolve));
  held[0]?.writeHead(200, TAGGED).end('old');
  expect(await before).toBe('old');
  await vi.waitFor(() => expect(held).toHaveLength(2));
  held[1]?.writeHead(200, TAGGED).end('new');
  expect(await after).toBe('new');
  await entries.landed();
  expect((await entries.get('/a')).outcome).toBe('hit');
});

test('a fetch that has no such tag is shared as ever', async () => {
  const { entries, held } = await startHeld();
  const before = text(entries.get('/a'));
  await vi.waitFor(() => expect(held).toHaveLength(1));
  await entries.invalidate('tag', 'c');
  const after = text(entries.get('/a'));
  held[0]?.writeHead(200, TAGGED).end('same');
  expect(await Promise.all([before, after])).toEqual(['same', 'same']);
  expect(held).toHaveLength(1);
});

test('a confirmation that was asked for before an invalidation confirms nothing for those who ask after it', async () => {
  const { entries, held } = await startHeld();
  const first = text(entries.get('/a'));
  await vi.waitFor(() => expect(held).toHaveLength(1));
  held[0]?.writeHead(200, TAGGED).end('old');
  await first;
  await entries.landed();
  entries.clock.pass(61_000);
  const before = text(entries.get('/a'));
  await vi.waitFor(() => expect(held).toHaveLength(2));
  await entries.invalidate('tag', 'a');
  const after = text(entries.get('/a'));
  await new Promise((resolve) => setImmediate(resolve));
  held[1]?.writeHead(304, TAGGED).end();
  expect(await before).toBe('old');
  await vi.waitFor(() => expect(held).toHaveLength(3));
  expect(entries.upstream.requests[2]?.headers).not.toHaveProperty('if-none-match');
  held[2]?.writeHead(200, TAGGED).end('new');
  expect(await after).toBe('new');
});

test('a fetch that waits for its turn takes in who asks after an invalidation meanwhile, and is not outdated by it', async () => {
  const { entries, held } = await startHeld({ concurrencyMax: 1 });
  const busy = text(entries.get('/busy'));
  await vi.waitFor(() => expect(held).toHaveLength(1));
  const before = text(entries.get('/a'));
  await vi.waitFor(() => expect(entries.service.activity().flights).toBe(2));
  await entries.invalidate('url', '/a');
  await entries.invalidate('tag', 'a');
  const after = text(entries.get('/a'));
  held[0]?.writeHead(200).end('busy');
  await vi.waitFor(() => expect(held).toHaveLength(2));
  held[1]?.writeHead(200, TAGGED).end('new');
  expect(await Promise.all([busy, before, after])).toEqual(['busy', 'new', 'new']);
  await entries.landed();
  expect((await entries.get('/a')).outcome).toBe('hit');
  expect(held).toHaveLength(2);
});

test('a fetch that is tried again is outdated by what is invalidated after the last attempt began, not before', async () => {
  const { entries, held } = await startHeld({ retries: { max: 1 } });
  const asked = text(entries.get('/a'));
  await vi.waitFor(() => expect(held).toHaveLength(1));
  await entries.invalidate('tag', 'a');
  held[0]?.writeHead(503).end();
  await vi.waitFor(() => {
    entries.clock.pass(100);
    expect(held).toHaveLength(2);
  });
  held[1]?.writeHead(200, TAGGED).end('new');
  expect(await asked).toBe('new');
  await entries.landed();
  expect((await entries.get('/a')).outcome).toBe('hit');
});

test('a confirmation that waits for its turn does not bring back what was invalidated meanwhile', async () => {
  const { entries, held } = await startHeld({ concurrencyMax: 1 });
  const first = text(entries.get('/a'));
  await vi.waitFor(() => expect(held).toHaveLength(1));
  held[0]?.writeHead(200, TAGGED).end('old');
  await first;
  await entries.landed();
  entries.clock.pass(61_000);
  const busy = text(entries.get('/busy'));
  await vi.waitFor(() => expect(held).toHaveLength(2));
  const before = text(entries.get('/a'));
  await vi.waitFor(() => expect(entries.service.activity().flights).toBe(2));
  await new Promise((resolve) => setImmediate(resolve));
  await entries.invalidate('tag', 'a');
  held[1]?.writeHead(200).end('busy');
  await vi.waitFor(() => expect(held).toHaveLength(3));
  held[2]?.writeHead(304, TAGGED).end();
  expect(await Promise.all([busy, before])).toEqual(['busy', 'old']);
  await entries.landed();
  const after = text(entries.get('/a'));
  await vi.waitFor(() => expect(held).toHaveLength(4));
  expect(entries.upstream.requests[3]?.headers).not.toHaveProperty('if-none-match');
  held[3]?.writeHead(200, TAGGED).end('new');
  expect(await after).toBe('new');
});
