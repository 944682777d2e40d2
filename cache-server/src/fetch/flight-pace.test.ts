import { randomBytes } from 'node:crypto';
import type { RequestListener, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { ManifestDescription } from '../entry/entry-service.ts';
import { partBytes, readBody, startEntries, SteppingReader } from '../get-entry.fixture.ts';

const MIB = 1024 * 1024;
const CACHEABLE = { 'cache-control': 'max-age=60', etag: '"one"' };
const NEVER = new AbortController().signal;
/** Small numbers, so that a window is full soon. */
const LIMITS = {
  partitionBytes: 64 * 1024,
  relayWindowBytes: 256 * 1024,
  flightBytesBufferedMax: 512 * 1024,
  inlineBytesMax: 1024,
};

function sends(bytes: Buffer): RequestListener {
  return (_, response) =>
    response.writeHead(200, { ...CACHEABLE, 'content-length': bytes.length }).end(bytes);
}

function storedBytes(description: ManifestDescription | undefined): number {
  const body = description?.manifest.body;
  return body?.kind === 'partitions' ? body.storedBytes : NaN;
}

/** Lets everything that can happen by itself happen: sockets, promises, the manual clock's timers stand still. */
async function untilQuiet(value: () => number): Promise<void> {
  for (let last = -1, quiet = 0; quiet < 20;) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    quiet = value() === last ? quiet + 1 : 0;
    last = value();
  }
}

describe('a stored body', () => {
  it('is fetched at full speed past a reader that stands still, which then reads what is stored', async () => {
    const bytes = randomBytes(4 * MIB);
    const { get, landed } = await startEntries({ answer: sends(bytes), limits: LIMITS });
    const slow = await get('/a');
    const fast = await get('/a');
    const standing = new SteppingReader(slow.body);
    await standing.step();
    expect((await readBody(fast.body)).equals(bytes)).toBe(true);
    await landed();
    expect(await standing.toEnd()).toBe(bytes.length);
  });

  it('comes to a slow reader byte for byte, from memory and from the store in turns', async () => {
    const bytes = randomBytes(3 * MIB + 17);
    const { get, landed } = await startEntries({ answer: sends(bytes), limits: LIMITS });
    const { body } = await get('/a');
    const parts: Buffer[] = [];
    const kinds = new Set<string>();
    for await (const part of body.open(100, NEVER)) {
      kinds.add(part.kind);
      parts.push(await partBytes(part));
      // By then the window has gone past it.
      if (parts.length === 5) await landed();
    }
    expect(Buffer.concat(parts).equals(bytes.subarray(100))).toBe(true);
    expect(kinds).toEqual(new Set(['raw', 'frame']));
  });

  it('with more partitions than a page holds is found again through its index pages', async () => {
    const bytes = randomBytes(300 * 4096 + 5);
    const { get, landed, service, clock, upstream } = await startEntries({
      answer: (request, response) =>
        request.headers['if-none-match'] === undefined
          ? sends(bytes)(request, response)
          : response.writeHead(304, CACHEABLE).end(),
      limits: { ...LIMITS, partitionBytes: 4096 },
    });
    const first = await get('/a');
    await readBody(first.body);
    await landed();
    const described = await service.describeManifest(first.key!.text);
    expect(described).toMatchObject({ partitions: 301, manifest: { body: { paged: true } } });
    expect((await readBody((await get('/a')).body, 1_100_000)).equals(bytes.subarray(1_100_000))).toBe(true);
    clock.pass(100_000);
    const confirmed = await get('/a');
    expect(confirmed.outcome).toBe('revalidated');
    expect((await readBody(confirmed.body)).equals(bytes)).toBe(true);
    expect(upstream.requests).toHaveLength(2);
  });

  it('of which a part changed is stored again only in that part', async () => {
    const bytes = randomBytes(1 * MIB);
    const { get, upstream, landed, clock, service } = await startEntries({
      answer: sends(bytes),
      limits: LIMITS,
    });
    const { key } = await get('/a');
    await landed();
    const before = await service.describeManifest(key!.text);
    const changed = Buffer.from(bytes);
    changed[100_000]! ^= 1;
    upstream.answer = sends(changed);
    clock.pass(61_000);
    expect((await readBody((await get('/a')).body)).equals(changed)).toBe(true);
    await landed();
    const after = await service.describeManifest(key!.text);
    expect(storedBytes(before)).toBeGreaterThan(MIB);
    // Only the length of what was written anew is known: one partition of sixteen.
    expect(storedBytes(after)).toBeLessThan(70_000);
    expect((await readBody((await get('/a')).body)).equals(changed)).toBe(true);
  });
});

describe('a relayed body', () => {
  const relayed = { ...LIMITS, entryBytesMax: 128 * 1024 };

  /** Sends without end until told, and counts what left. */
  function endless(): { answer: RequestListener; sent: () => number; end: () => void } {
    let sent = 0;
    let ended = false;
    const chunk = Buffer.alloc(32 * 1024, 7);
    const more = (response: ServerResponse): void => {
      if (ended) response.end();
      else
        response.write(chunk, () => {
          sent += chunk.length;
          more(response);
        });
    };
    return {
      answer: (_, response) => more(response.writeHead(200, CACHEABLE)),
      sent: () => sent,
      end: () => (ended = true),
    };
  }

  it('over the limit by its length is passed on whole and not stored', async () => {
    const bytes = randomBytes(2 * MIB);
    const { get, landed, upstream } = await startEntries({ answer: sends(bytes), limits: relayed });
    const answer = await get('/a');
    expect(answer).toMatchObject({ outcome: 'relay-too-large', key: undefined, freshForMs: 0 });
    expect((await readBody(answer.body)).equals(bytes)).toBe(true);
    await landed();
    await readBody((await get('/a')).body);
    expect(upstream.requests).toHaveLength(2);
  });

  it('found to be over the limit on the way goes on without the store', async () => {
    const bytes = randomBytes(2 * MIB);
    const { get, service, storedKeys } = await startEntries({
      answer: (_, response) => response.writeHead(200, CACHEABLE).end(bytes),
      limits: relayed,
    });
    const answer = await get('/a');
    expect(answer.outcome).toBe('miss');
    expect((await readBody(answer.body)).equals(bytes)).toBe(true);
    expect(service.counts().failures).toMatchObject({ 'found-too-large': 1 });
    expect(await storedKeys()).toEqual([]);
  });

  it('holds the upstream back when all its readers stand still', async () => {
    const { answer, sent } = endless();
    const { get } = await startEntries({ answer, limits: relayed });
    const reader = new SteppingReader((await get('/a')).body);
    await reader.step();
    await untilQuiet(sent);
    const held = sent();
    // The window, and what the sockets of both sides hold.
    expect(held).toBeLessThan(16 * MIB);
    while (reader.bytes < 2 * held) await reader.step();
    expect(sent()).toBeGreaterThan(held);
  });

  it('lets a reader go that keeps another one starving for longer than the grace', async () => {
    const { answer, sent, end } = endless();
    const { get, clock, service } = await startEntries({ answer, limits: relayed });
    const standing = new SteppingReader((await get('/a')).body);
    const running = new SteppingReader((await get('/a')).body);
    await standing.step();
    let finished: number | undefined;
    const toEnd = running.toEnd().then((bytes) => (finished = bytes));
    await untilQuiet(() => running.bytes);
    clock.pass(499);
    await untilQuiet(() => running.bytes);
    const starved = running.bytes;
    clock.pass(1);
    end();
    await toEnd;
    expect(finished).toBe(sent());
    expect(finished).toBeGreaterThanOrEqual(starved);
    await expect(standing.toEnd()).rejects.toMatchObject({ code: 'reader-lagged' });
    expect(service.counts().failures).toMatchObject({ 'reader-lagged': 1 });
  });

  it('waits 10 s for a reader that was announced', async () => {
    const { answer } = endless();
    const { get, clock } = await startEntries({ answer, limits: relayed });
    const announced = await get('/a');
    const running = new SteppingReader((await get('/a')).body);
    const leaving = running.toEnd().catch(() => undefined);
    await untilQuiet(() => running.bytes);
    const held = running.bytes;
    clock.pass(9999);
    await untilQuiet(() => running.bytes);
    expect(running.bytes).toBe(held);
    clock.pass(1);
    while (running.bytes < 4 * held) await new Promise((resolve) => setImmediate(resolve));
    const late = new SteppingReader(announced.body);
    await expect(late.step()).rejects.toMatchObject({ code: 'reader-lagged' });
    void leaving;
  });
});
