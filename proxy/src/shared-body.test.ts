import { expect, it } from 'vitest';
import { fellBehind, SharedBody } from './shared-body.ts';

const NEVER = new AbortController().signal;

async function* numbered(count: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < count; at += 1) yield await Promise.resolve(Buffer.alloc(10, String(at % 10)));
}

function reader(body: SharedBody): AsyncGenerator<Uint8Array, void, undefined> {
  return body.read({ signal: NEVER, onBehind: fellBehind, onEnd: () => undefined });
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of chunks) bytes += chunk.byteLength;
  return bytes;
}

it('holds no more than a window, however many readers lag, and nothing when it is released', async () => {
  const budget = { bytes: 0, bytesMax: 1000 };
  const body = new SharedBody(numbered(100), { windowBytesMax: 50, budget });
  const lagging = Array.from({ length: 100 }, () => reader(body));
  for (const chunks of lagging) await chunks.next();
  expect(await bytesOf(reader(body))).toBe(1000);
  expect(budget.bytes).toBe(50);
  await expect(bytesOf(lagging[0]!)).rejects.toThrow('after 10 bytes: the reader fell behind');
  body.release();
  expect(budget.bytes).toBe(0);
});

it('holds one chunk alone when all windows together hold too much', async () => {
  const budget = { bytes: 0, bytesMax: 60 };
  const limits = { windowBytesMax: 50, budget };
  const bodies = Array.from({ length: 10 }, () => new SharedBody(numbered(20), limits));
  for (const body of bodies) expect(await bytesOf(reader(body))).toBe(200);
  expect(budget.bytes).toBeLessThanOrEqual(60 + 9 * 10);
});

it('keeps what comes late for those who join, until the window has moved', async () => {
  const body = new SharedBody(numbered(10), { windowBytesMax: 50, budget: { bytes: 0, bytesMax: 1000 } });
  const first = reader(body);
  for (let at = 0; at < 5; at += 1) await first.next();
  expect(body.isJoinable).toBe(true);
  const second = reader(body);
  expect((await second.next()).value).toEqual(Buffer.from('0000000000'));
  await first.next();
  expect(body.isJoinable).toBe(false);
  expect(await bytesOf(second)).toBe(90);
});
