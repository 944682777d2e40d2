/** The objects of callers over several servers and a real Redis: what was accepted is found, and what was replaced is not. */
import { expect, test } from 'vitest';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { patientClient } from '../fixture/patient-client.ts';

/** A machine may be busy. */
const WITHIN_MS = 60_000;
const KEEP = { ttlMs: 600_000 };
/** On a busy machine Redis is slow, which is not to be taken for away. */
const SLOW_REDIS = { commandTimeoutMs: '20s' };

function bytes(text: string): Buffer {
  return Buffer.from(text);
}

function text(object: { value: Uint8Array } | undefined): string | undefined {
  return object && Buffer.from(object.value).toString();
}

test('what a server accepts that has just started is found; until it can tell what is outdated, it accepts nothing', async () => {
  await using mesh = await startMesh({ store: 'redis', hasControl: true });
  await mesh.control?.kill9();
  await mesh.restart(0);
  using client = patientClient(mesh.serverAddress());
  const refused = client.put('a', bytes('too early'), KEEP);
  await expect(refused).rejects.toMatchObject({ code: 'store' });
  await mesh.control?.restart();
  // The first that is accepted, however soon after.
  await eventually(async () => void (await client.put('a', bytes('in time'), KEEP)), WITHIN_MS);
  expect(text(await client.get('a'))).toBe('in time');
});

test('what is put or deleted at one server, the other knows at once', async () => {
  await using mesh = await startMesh({ store: 'redis', servers: 2, redisSettings: SLOW_REDIS });
  using one = patientClient(mesh.serverAddress(0));
  using other = patientClient(mesh.serverAddress(1));
  for (let round = 0; round < 50; round += 1) {
    await one.put('a', bytes(`${round}`), KEEP);
    expect(text(await other.get('a'))).toBe(`${round}`);
    await other.put('a', bytes(`${round} of the other`), KEEP);
    expect(text(await one.get('a'))).toBe(`${round} of the other`);
    await one.delete('a');
    expect(await other.get('a')).toBeUndefined();
  }
  // Memory does not stand in: what it remembers may have been replaced.
  await one.put('b', bytes('kept'), KEEP);
  expect(text(await other.get('b'))).toBe('kept');
  await mesh.redis?.kill9();
  await expect(other.get('b')).rejects.toMatchObject({ code: 'store' });
});

test('what is put after a purge was acknowledged elsewhere is not taken for older than the purge', async () => {
  await using mesh = await startMesh({ store: 'redis', servers: 2, redisSettings: SLOW_REDIS });
  using one = patientClient(mesh.serverAddress(0));
  using other = patientClient(mesh.serverAddress(1));
  for (let round = 0; round < 30; round += 1) {
    await one.invalidate({ tag: 'cities' });
    await other.put('a', bytes(`${round}`), { ...KEEP, tags: ['cities'] });
    expect(text(await one.get('a'))).toBe(`${round}`);
  }
});
