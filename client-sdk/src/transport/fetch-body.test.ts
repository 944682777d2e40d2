import { createHash, randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import type { FetchRequest } from '@pannier/proto';
import { contentDigest, encodeBytes, encodeFrame } from '@pannier/proto/partition-format';
import { processBudget } from './buffer-budget.ts';
import type { LookupResponse } from './lookup-answer.ts';
import { scriptedError, ticketResponse } from './scripted-server.fixture.ts';
import type { ScriptedStep, ServerScript } from './scripted-server.fixture.ts';
import { codeOf, connectTo, endAll, get, serve, urlForFirst } from './scripted-test.fixture.ts';
import type { Transport, TransportEvent } from './transport.ts';

afterEach(endAll);

const never = new AbortController().signal;
const giveTicket: ServerScript['lookup'] = ({ reply }) => reply(...ticketResponse('v1'));

async function bodyOf(
  transport: Transport,
  url = 'http://api.example/a',
): Promise<Extract<LookupResponse['body'], { kind: 'stream' }>> {
  const answer = await transport.lookup(get(url));
  if (answer.kind !== 'response' || answer.body.kind !== 'stream') throw new Error('no ticket');
  return answer.body;
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

function raw(bytes: Uint8Array): ScriptedStep {
  return { case: 'raw', value: { data: bytes } };
}

function complete(bodyBytes: number): ScriptedStep {
  return { case: 'complete', value: { version: 'v1', bodyBytes: BigInt(bodyBytes) } };
}

async function partition(bytes: Uint8Array, { compress = true, skipBytes = 0 } = {}): Promise<ScriptedStep> {
  const content = encodeBytes(bytes);
  const digest = contentDigest(content, 'original');
  const frame = await encodeFrame(content, { scope: 'demo', digest, compress });
  return { case: 'partition', value: { scope: 'demo', digest, frame, skipBytes: BigInt(skipBytes) } };
}

/** Serves a body from the offset that was asked for, in raw steps, until `until`. */
function serveBytes(body: Buffer, until = body.length): NonNullable<ServerScript['fetch']> {
  return async function* fetch({ offset }: FetchRequest, server) {
    for (let at = Number(offset); at < until; at += 1000)
      yield raw(body.subarray(at, Math.min(at + 1000, until)));
    if (until < body.length) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      server.kill();
      return;
    }
    yield complete(body.length);
  };
}

test('raw steps and stored partitions, compressed or not, come out as one body in order', async () => {
  const parts = [
    randomBytes(3000),
    Buffer.alloc(500_000, 'ab'),
    randomBytes(100_000),
    Buffer.alloc(70_000, 'x'),
    randomBytes(10),
  ];
  const body = Buffer.concat(parts);
  const { address } = await serve({
    lookup: giveTicket,
    async *fetch() {
      yield raw(parts[0]!);
      yield { case: 'progress', value: { waitedMs: 1 } };
      yield await partition(parts[1]!);
      yield await partition(parts[2]!, { compress: false });
      yield await partition(parts[3]!);
      yield raw(parts[4]!);
      yield complete(body.length);
    },
  });
  const stream = await bodyOf(connectTo([address]));
  expect((await collect(stream.read(never))).equals(body)).toBe(true);
  expect(() => stream.read(never)).toThrow(/once/);
  expect(processBudget.bytes).toBe(0);
});

test('a body that breaks off is finished at another server, from the byte where it broke', async () => {
  const body = randomBytes(300_500);
  const offsets: bigint[] = [];
  const events: TransportEvent[] = [];
  const dying = await serve({ lookup: giveTicket, fetch: serveBytes(body, 150_000) });
  const whole = serveBytes(body);
  const other = await serve({
    lookup: giveTicket,
    fetch: (request, server) => {
      offsets.push(request.offset);
      expect(request.ticket).toMatchObject({ key: 'demo:original:x', version: 'v1' });
      return whole(request, server);
    },
  });
  const transport = connectTo([dying.address, other.address], { onEvent: (event) => events.push(event) });
  const stream = await bodyOf(transport, urlForFirst(dying, [other]));
  expect((await collect(stream.read(never))).equals(body)).toBe(true);
  expect(offsets).toHaveLength(1);
  expect(offsets[0]).toBeLessThanOrEqual(150_000n);
  expect(events).toContainEqual(expect.objectContaining({ kind: 'stream-resumed', server: other.address }));
});

test('a resumed partition begins after the bytes to skip', async () => {
  const body = randomBytes(5000);
  const { address } = await serve({
    lookup: giveTicket,
    async *fetch({ offset }) {
      if (offset === 0n) {
        yield raw(body.subarray(0, 1234));
        return;
      }
      yield await partition(body, { skipBytes: Number(offset) });
      yield complete(body.length);
    },
  });
  const stream = await bodyOf(connectTo([address]));
  expect((await collect(stream.read(never))).equals(body)).toBe(true);
});

test.each<[string, ServerScript['fetch'], string]>([
  [
    'that ends without saying that it is complete',
    async function* end() {
      yield raw(Buffer.from('part'));
    },
    'unavailable',
  ],
  [
    'shorter than announced',
    async function* short() {
      yield raw(Buffer.from('part'));
      yield complete(5);
    },
    'protocol',
  ],
  [
    'that the server gives up',
    async function* fail() {
      yield raw(Buffer.from('part'));
      throw scriptedError('upstream-truncated', 'cut');
    },
    'upstream-truncated',
  ],
  [
    'with a damaged partition',
    async function* damaged() {
      const step = await partition(randomBytes(2000));
      if (step.case === 'partition') step.value.frame![100]! ^= 1;
      yield step;
    },
    'protocol',
  ],
])('a body %s is broken, never short', async (_what, fetch, cause) => {
  const { address } = await serve({ lookup: giveTicket, ...(fetch && { fetch }) });
  const stream = await bodyOf(connectTo([address]));
  const reading = collect(stream.read(never));
  await expect(reading).rejects.toMatchObject({ code: 'body-broken', cause: { code: cause } });
});

test('a body whose server dies and has no other one is broken', async () => {
  const { address } = await serve({ lookup: giveTicket, fetch: serveBytes(randomBytes(300_000), 150_000) });
  const stream = await bodyOf(connectTo([address]));
  expect(await codeOf(collect(stream.read(never)))).toBe('body-broken');
});

test('a body that falls silent is broken, one that is only slow is not', async () => {
  const { address } = await serve({
    lookup: giveTicket,
    async *fetch({ ticket }, server) {
      yield raw(Buffer.from('a'));
      for (let beat = 0; beat < 8; beat += 1) {
        await new Promise((resolve) => setTimeout(resolve, 40));
        yield { case: 'progress', value: { waitedMs: beat * 40 } };
      }
      if (server.exchanges === 0 || ticket === undefined) return;
      yield raw(Buffer.from('b'));
      await new Promise((resolve) => setTimeout(resolve, 3_600_000).unref());
    },
  });
  const stream = await bodyOf(connectTo([address], { silenceMs: 250 }));
  const chunks: string[] = [];
  const reading = (async () => {
    for await (const chunk of stream.read(never)) chunks.push(Buffer.from(chunk).toString());
  })();
  await expect(reading).rejects.toMatchObject({
    code: 'body-broken',
    message: expect.stringContaining('no sign of life') as string,
  });
  expect(chunks.join('').startsWith('ab')).toBe(true);
});

test('a reader that leaves or aborts cancels the call', async () => {
  const server = await serve({
    lookup: giveTicket,
    async *fetch() {
      for (;;) yield raw(randomBytes(50_000));
    },
  });
  const transport = connectTo([server.address]);
  for await (const chunk of (await bodyOf(transport)).read(never)) {
    expect(chunk.byteLength).toBe(50_000);
    break;
  }
  await expect.poll(() => server.cancelledStreams).toBe(1);
  const controller = new AbortController();
  const reason = new Error('enough');
  const reading = collect((await bodyOf(transport)).read(controller.signal));
  setTimeout(() => controller.abort(reason), 50);
  await expect(reading).rejects.toBe(reason);
  await expect.poll(() => server.cancelledStreams).toBe(2);
  expect(processBudget.bytes).toBe(0);
});

test('a reader that pauses stops the server, and another one goes on', async () => {
  let sent = 0;
  const total = 200 * 256 * 1024;
  const digest = createHash('sha256');
  const { address } = await serve({
    lookup: giveTicket,
    async *fetch() {
      const block = Buffer.alloc(256 * 1024, 7);
      for (let i = 0; i < 200; i += 1) {
        sent += block.length;
        yield raw(block);
      }
      yield complete(total);
    },
  });
  const transport = connectTo([address]);
  const paused = (await bodyOf(transport)).read(never)[Symbol.asyncIterator]();
  await paused.next();
  let before = -1;
  await expect
    .poll(
      () => {
        const still = sent === before;
        before = sent;
        return still;
      },
      { interval: 200 },
    )
    .toBe(true);
  // Windows and buffers of both sides, far from the 50 MiB of the body.
  expect(sent).toBeLessThan(8 * 1024 * 1024);
  const other = await collect((await bodyOf(transport)).read(never));
  expect(other.length).toBe(total);
  digest.update(other);
  await paused.return?.();
  expect(digest.digest('hex')).toBe(createHash('sha256').update(Buffer.alloc(total, 7)).digest('hex'));
});

test('the close of a transport ends bodies under way', async () => {
  const { address } = await serve({
    lookup: giveTicket,
    async *fetch() {
      for (;;) yield raw(randomBytes(1000));
    },
  });
  const transport = connectTo([address]);
  const reading = collect((await bodyOf(transport)).read(never));
  setTimeout(() => transport.close(), 50);
  expect(await codeOf(reading)).toBe('closed');
});
