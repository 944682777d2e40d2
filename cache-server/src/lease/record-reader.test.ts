import { expect, it } from 'vitest';
import { ManualClock } from '../get-entry.fixture.ts';
import { encodeRecord } from './flight-record.ts';
import { ProcessLeases } from './process-leases.fixture.ts';
import { RecordReader } from './record-reader.ts';

const bytes = (offset: number): Buffer => encodeRecord({ kind: 'bytes', offset, bytes: Buffer.from('x') });

it('one that took its time over a record does not take the first missing answer for the silence of a whole lease', async () => {
  const clock = new ManualClock();
  const store = new ProcessLeases(clock);
  const { token } = await store.take('a');
  const append = async (offset: number): Promise<unknown> =>
    await store.append('a', token, { records: [bytes(offset)], isAnswered: true });
  await append(0);
  const { signal } = new AbortController();
  let failures = 0;
  const onAway = (): void => {
    failures += 1;
    store.failure = undefined;
  };
  const reader = new RecordReader({ store, clock, name: 'a', token, signal, onAway });
  const records = reader.records();
  await records.next();
  for (let beat = 0; beat < 5; beat += 1) {
    clock.pass(1000);
    await store.renew('a', token);
  }
  await append(1);
  store.failure = new Error('once');
  const next = records.next();
  await new Promise((resolve) => setImmediate(resolve));
  clock.pass(50);
  expect(await next).toMatchObject({ done: false, value: { kind: 'bytes', offset: 1 } });
  expect(failures).toBe(1);
  reader.close();
});
