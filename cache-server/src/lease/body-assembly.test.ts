import fc from 'fast-check';
import { contentDigest, encodeBytes } from '@pannier/proto/partition-format';
import { describe, expect, it } from 'vitest';
import { BodyAssembly, mayContinue } from './body-assembly.ts';
import type { FlightRecord } from './flight-record.ts';

const PARTITION_BYTES = 8;

function digestOf(bytes: Buffer): Buffer {
  return contentDigest(encodeBytes(bytes), 'original');
}

function partitionsOf(body: Buffer): Buffer[] {
  const count = Math.ceil(body.length / PARTITION_BYTES);
  return Array.from({ length: count }, (_none, index) =>
    body.subarray(index * PARTITION_BYTES, (index + 1) * PARTITION_BYTES),
  );
}

/** An assembly over a store of all partitions of some bodies. */
function assemblyOf(...bodies: Buffer[]): { assembly: BodyAssembly; stored: number[] } {
  const frames = new Map(
    bodies.flatMap(partitionsOf).map((bytes) => [digestOf(bytes).toString('hex'), bytes]),
  );
  const stored: number[] = [];
  const assembly = new BodyAssembly({
    partitionBytes: PARTITION_BYTES,
    readPartition: async (digest) => frames.get(Buffer.from(digest).toString('hex')) ?? Buffer.alloc(0),
    onStored: (index) => stored.push(index),
  });
  return { assembly, stored };
}

/** How a leader may tell a body: bytes in steps of any length, told twice at times, partitions before or after their bytes. */
type Telling = readonly {
  readonly bytes: number;
  readonly isPartition: boolean;
  readonly isTwice: boolean;
}[];

const telling = fc.array(
  fc.record({ bytes: fc.integer({ min: 1, max: 20 }), isPartition: fc.boolean(), isTwice: fc.boolean() }),
  { minLength: 1, maxLength: 12 },
);

/** Records of a body up to where its leader dies, or to its end. */
function recordsOf(body: Buffer, steps: Telling, isToEnd: boolean): FlightRecord[] {
  const records: FlightRecord[] = [];
  const partitions = partitionsOf(body);
  let told = 0;
  let next = 0;
  const tell = (record: FlightRecord, isTwice = false): void =>
    void records.push(...(isTwice ? [record, record] : [record]));
  const tellPartition = (isTwice: boolean): void => {
    const bytes = partitions[next];
    if (bytes === undefined) return;
    tell({ kind: 'partition', index: next, digest: digestOf(bytes), bodyBytes: bytes.length }, isTwice);
    told = Math.max(told, next * PARTITION_BYTES + bytes.length);
    next += 1;
  };
  const tellBytes = (count: number, isTwice: boolean): void => {
    const bytes = body.subarray(told, told + count);
    if (bytes.length > 0) tell({ kind: 'bytes', offset: told, bytes }, isTwice);
    told += bytes.length;
  };
  for (const { bytes, isPartition, isTwice } of steps) {
    if (isPartition && next * PARTITION_BYTES <= told) tellPartition(isTwice);
    else tellBytes(bytes, isTwice);
  }
  if (!isToEnd) return records;
  tellBytes(body.length, false);
  tell({ kind: 'end', bodyBytes: body.length });
  return records;
}

/** What a reader gets; whole only when the end was told. */
async function assembled(
  assembly: BodyAssembly,
  attempts: readonly (readonly FlightRecord[])[],
): Promise<{ bytes: Buffer; isWhole: boolean; isBroken: boolean }> {
  const passed: Buffer[] = [];
  const result = (isWhole: boolean, isBroken: boolean) => ({
    bytes: Buffer.concat(passed),
    isWhole,
    isBroken,
  });
  for (const records of attempts) {
    assembly.restart();
    try {
      for (const record of records) {
        if (record.kind === 'bytes') passed.push(...assembly.bytes(record.offset, record.bytes));
        if (record.kind === 'partition') passed.push(...(await assembly.partition(record)));
        if (record.kind !== 'end') continue;
        assembly.end(record.bodyBytes);
        return result(true, false);
      }
    } catch {
      return result(false, true);
    }
  }
  return result(false, false);
}

const bodies = fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes));

/** A body, and one that is nearly the same. */
const versions = fc.tuple(bodies, bodies, fc.nat(50)).chain(([old, other, at]) => {
  const flipped = Buffer.from(old);
  if (old.length > 0) flipped[at % old.length] = (flipped[at % old.length] ?? 0) ^ 1;
  const cut = old.subarray(0, at);
  return fc.tuple(fc.constant(old), fc.constantFrom(other, flipped, cut, Buffer.concat([old, other])));
});

describe('a body put together from what is told of it', () => {
  it('is the body, however it was told and however often its leaders died', async () => {
    await fc.assert(
      fc.asyncProperty(bodies, fc.array(telling, { maxLength: 4 }), telling, async (body, dead, last) => {
        const { assembly } = assemblyOf(body);
        const attempts = [...dead.map((steps) => recordsOf(body, steps, false)), recordsOf(body, last, true)];
        const { bytes, isWhole } = await assembled(assembly, attempts);
        expect({ isWhole, body: bytes }).toEqual({ isWhole: true, body });
        expect(assembly.passedBytes).toBe(body.length);
        expect(assembly.digests().map(String)).toEqual(partitionsOf(body).map(digestOf).map(String));
      }),
      { numRuns: 500 },
    );
  });

  it('never is a mixture: told anew with other bytes it is whole only where nothing of the old ones was passed on', async () => {
    await fc.assert(
      fc.asyncProperty(versions, telling, telling, async ([old, next], before, after) => {
        const { assembly } = assemblyOf(old, next);
        const first = recordsOf(old, before, false);
        const { bytes: passed } = await assembled(assemblyOf(old).assembly, [first]);
        const { bytes, isWhole } = await assembled(assembly, [first, recordsOf(next, after, true)]);
        const agrees = next.subarray(0, passed.length).equals(passed);
        expect(isWhole).toBe(agrees);
        if (isWhole) expect(bytes).toEqual(next);
        // Whatever went out before the break is of one version.
        else expect([old, next].some((one) => one.subarray(0, bytes.length).equals(bytes))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('never is short: a record that is lost breaks it', async () => {
    await fc.assert(
      fc.asyncProperty(bodies, telling, fc.nat(), async (body, steps, lost) => {
        const records = recordsOf(body, steps, true);
        const kept = records.filter((_record, index) => index !== lost % records.length);
        const { bytes, isWhole } = await assembled(assemblyOf(body).assembly, [kept]);
        if (isWhole) expect(bytes).toEqual(body);
        expect(body.subarray(0, bytes.length)).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it('knows its partitions in the store as they are told of', async () => {
    const body = Buffer.from('0123456789abcdefghij');
    const { assembly, stored } = assemblyOf(body);
    assembly.bytes(0, body.subarray(0, 10));
    for (const [index, bytes] of partitionsOf(body).entries())
      await assembly.partition({
        kind: 'partition',
        index,
        digest: digestOf(bytes),
        bodyBytes: bytes.length,
      });
    assembly.end(20);
    expect(stored).toEqual([0, 1, 2]);
  });
});

describe('a head told anew', () => {
  const head = { status: 200, headers: [['ETag', '"1"'] as const, ['Date', 'then'] as const] };

  it('may differ in what does not concern the content', () => {
    expect(
      mayContinue(head, {
        status: 200,
        headers: [
          ['Date', 'now'],
          ['etag', '"1"'],
        ],
      }),
    ).toBe(true);
  });

  it.each([
    { status: 404, headers: head.headers },
    { status: 200, headers: [['etag', '"2"'] as const] },
    { status: 200, headers: [] },
    { status: 200, headers: [...head.headers, ['content-encoding', 'gzip'] as const] },
  ])('may not be another one: %j', (other) => expect(mayContinue(head, other)).toBe(false));
});
