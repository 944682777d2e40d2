import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryUseLedger } from '../../cache-server/src/janitor/use-ledger.ts';
import type { UseLedger } from '../../cache-server/src/janitor/use-ledger.ts';
import { ConnectionErrors } from '../../cache-server/src/store/redis/connection-errors.ts';
import { openRedisControl } from '../../cache-server/src/store/redis/control-connection.ts';
import { RedisUseLedger } from '../../cache-server/src/store/redis/redis-use-ledger.ts';
import { eventually } from '../fixture/eventually.ts';
import { startRedis } from '../fixture/redis-server.ts';

function promises(ledgerOf: () => UseLedger): void {
  it('keeps the last use of each owner, and takes one that it does not know for heard of now', async () => {
    const ledger = ledgerOf();
    await ledger.note(['a', 'b'], 1000);
    await ledger.note(['a'], 2000);
    await ledger.note(['a'], 1500);
    expect(await ledger.lastUses(['b', 'new', 'a'], 3000)).toEqual([1000, 3000, 2000]);
    expect(await ledger.lastUses(['new'], 4000)).toEqual([3000]);
    await ledger.forget(['new', 'never-there']);
    expect(await ledger.lastUses(['new'], 4000)).toEqual([4000]);
  });
}

describe('in memory', () => {
  promises(() => new MemoryUseLedger());
});

describe('in Redis', () => {
  const parts = new AsyncDisposableStack();
  let ledger: RedisUseLedger;
  beforeAll(async () => {
    const redis = parts.use(await startRedis());
    const config = { url: redis.url, keyPrefix: 'test', commandTimeoutMs: 1000, protocol: 3 as const };
    const errors = new ConnectionErrors(undefined, () => performance.now());
    const control = openRedisControl(config, { errors, onEvictingPolicy: () => undefined });
    parts.defer(async () => await control.close());
    await eventually(() => expect(control.isReady).toBe(true));
    ledger = new RedisUseLedger({ control, keyPrefix: 'test' });
  });
  afterAll(async () => await parts.disposeAsync());

  promises(() => ledger);

  it('gives the turn to one holder at a time, who may keep it, and to the next when it is given back or runs out', async () => {
    expect(await ledger.takeTurn('one', 60_000)).toBe(true);
    expect(await ledger.takeTurn('other', 60_000)).toBe(false);
    await ledger.endTurn('other');
    expect(await ledger.takeTurn('one', 60_000)).toBe(true);
    await ledger.endTurn('one');
    expect(await ledger.takeTurn('other', 20)).toBe(true);
    await eventually(async () => expect(await ledger.takeTurn('one', 60_000)).toBe(true));
  });
});
