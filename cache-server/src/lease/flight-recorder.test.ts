import { describe, expect, it } from 'vitest';
import { ManualClock } from '../get-entry.fixture.ts';
import { CacheServerError } from '../errors.ts';
import { decodeRecord } from './flight-record.ts';
import type { FlightRecord, HeadRecord } from './flight-record.ts';
import { FlightRecorder, STORED_BYTES_TOLD_MAX } from './flight-recorder.ts';
import { HeldLease } from './held-lease.ts';
import { ProcessLeases } from './process-leases.fixture.ts';

const MIB = 1024 * 1024;
const HEAD: HeadRecord = {
  kind: 'head',
  status: 200,
  headers: [],
  requestTimeMs: 0,
  responseTimeMs: 0,
  version: '1',
  generation: { epoch: 'a', sequence: 0 },
  outcome: 'miss',
  variant: undefined,
  bodyBytes: undefined,
  partitionBytes: MIB,
  isStored: true,
};

it('a body that is stored slowly does not fill the place of the records: it is told by its partitions then', async () => {
  const clock = new ManualClock();
  const store = new ProcessLeases(clock);
  const { token } = await store.take('a');
  const none = (): void => undefined;
  const lease = new HeldLease({ store, clock, name: 'a', token, onLost: none, onAway: none });
  const recorder = new FlightRecorder(lease, clock);
  let storedPartitions = 0;
  const body = {
    arrivedBytes: 20 * MIB + 5,
    isWhole: false,
    storing: true,
    digestAt: (index: number) => (index < storedPartitions ? Buffer.alloc(32) : undefined),
    peek: (_offset: number, bytesMax: number) => Buffer.alloc(bytesMax),
  };
  const looks = async (count: number): Promise<void> => {
    for (let look = 0; look < count; look += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.pass(50);
    }
  };
  const told = async (): Promise<FlightRecord[]> => {
    const { records } = await store.read('a', token, { after: '', countMax: 1000 });
    return records.map(({ bytes }) => decodeRecord(bytes));
  };
  recorder.begin(HEAD, body);
  await looks(400);
  let bytes = 0;
  for (const record of await told()) if (record.kind === 'bytes') bytes += record.bytes.byteLength;
  expect(bytes).toBeGreaterThan(MIB);
  expect(bytes).toBeLessThanOrEqual(STORED_BYTES_TOLD_MAX);
  storedPartitions = 20;
  body.isWhole = true;
  await looks(5);
  await recorder.finish();
  const [rest, end] = (await told()).slice(-2);
  expect(rest).toMatchObject({ kind: 'bytes', offset: 20 * MIB });
  expect(end).toEqual({ kind: 'end', bodyBytes: body.arrivedBytes });
  await lease.release();
});

it('what failed for all is told to all, what is wrong with this server is not', async () => {
  const clock = new ManualClock();
  const store = new ProcessLeases(clock);
  const none = (): void => undefined;
  const told = async (error: unknown): Promise<FlightRecord[]> => {
    const name = String(error);
    const { token } = await store.take(name);
    const lease = new HeldLease({ store, clock, name, token, onLost: none, onAway: none });
    await new FlightRecorder(lease, clock).failed(error);
    await lease.release();
    const { records } = await store.read(name, token, { after: '', countMax: 9 });
    return records.map(({ bytes }) => decodeRecord(bytes));
  };
  const failure = new CacheServerError('upstream-timeout', 'too slow');
  expect(await told(failure)).toMatchObject([{ kind: 'failed', code: 'upstream-timeout' }]);
  for (const code of ['internal', 'store', 'draining', 'cancelled'] as const)
    expect(await told(new CacheServerError(code, code))).toEqual([]);
  expect(await told(new TypeError('a bug'))).toEqual([]);
});

describe('where a lease is kept, but records are refused', () => {
  const body = {
    arrivedBytes: 5000,
    isWhole: true,
    storing: true,
    digestAt: () => undefined,
    peek: (_offset: number, bytesMax: number) => Buffer.alloc(bytesMax),
  };
  /** What is told of a body, and who holds the lease, while no record is larger. */
  const toldWithin = async (recordBytesMax: number): Promise<{ told: FlightRecord[]; holder?: string }> => {
    const clock = new ManualClock();
    const store = new ProcessLeases(clock);
    store.recordBytesMax = recordBytesMax;
    const { token } = await store.take('a');
    const none = (): void => undefined;
    const lease = new HeldLease({ store, clock, name: 'a', token, onLost: none, onAway: none });
    const recorder = new FlightRecorder(lease, clock);
    recorder.begin(HEAD, body);
    // The clock stands still: nothing is waited for.
    await recorder.finish();
    const { records, holder } = await store.read('a', token, { after: '', countMax: 9 });
    expect(lease.isHeld).toBe(holder === token);
    await lease.release();
    const told = records.map(({ bytes }) => decodeRecord(bytes));
    return holder === undefined ? { told } : { told, holder };
  };

  it('whoever follows is told to ask for itself, if there is room for that', async () => {
    const { told, holder } = await toldWithin(1000);
    expect(told).toMatchObject([{ kind: 'head' }, { kind: 'released', why: 'alone' }]);
    expect(holder).toBeDefined();
  });

  it('the lease is given up, if there is none', async () => {
    expect(await toldWithin(0)).toEqual({ told: [] });
  });
});
