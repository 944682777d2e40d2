/** When the owners of what is stored were last heard of, in the Redis for control; see `janitor/use-ledger.ts`. */
import type { RedisConnection } from './redis-connection.ts';

/** Settings of {@link RedisUseLedger}. */
export interface RedisUseLedgerOptions {
  readonly control: Pick<RedisConnection, 'command' | 'pipeline'>;
  readonly keyPrefix: string;
}

/** In each name, so that servers of another version do not misread it. */
const FORMAT_VERSION = 1;

/** A `UseLedger`. One sorted set of names by the time of their last use: what is missing was never heard of, and never merely forgotten. */
export class RedisUseLedger {
  readonly #control: RedisUseLedgerOptions['control'];
  readonly #uses: string;
  readonly #turn: string;

  constructor({ control, keyPrefix }: RedisUseLedgerOptions) {
    this.#control = control;
    const start = `${keyPrefix}:${FORMAT_VERSION}:{janitor}`;
    this.#uses = `${start}:uses`;
    this.#turn = `${start}:turn`;
  }

  async reach(): Promise<void> {
    await this.#control.command('see who is in use', async (redis) => await redis.exists(this.#uses));
  }

  async note(owners: readonly string[], atMs: number): Promise<void> {
    await this.#control.pipeline('note who is in use', (pipeline) => {
      for (const owner of owners) pipeline.zadd(this.#uses, 'GT', atMs, owner);
    });
  }

  async lastUses(owners: readonly string[], nowMs: number): Promise<number[]> {
    const replies = await this.#control.pipeline('see who is in use', (pipeline) => {
      for (const owner of owners) {
        pipeline.zadd(this.#uses, 'NX', nowMs, owner);
        pipeline.zscore(this.#uses, owner);
      }
    });
    return owners.map((_owner, index) => Number(replies[2 * index + 1] ?? nowMs));
  }

  async forget(owners: readonly string[]): Promise<void> {
    await this.#control.pipeline('forget who is gone', (pipeline) => {
      for (const owner of owners) pipeline.zrem(this.#uses, owner);
    });
  }

  async takeTurn(holder: string, forMs: number): Promise<boolean> {
    const taken = await this.#control.command(
      'take its turn with the store',
      async (redis) => await redis.takeJanitorTurn(this.#turn, holder, forMs),
    );
    return taken === 1;
  }

  async endTurn(holder: string): Promise<void> {
    await this.#control.command(
      'end its turn with the store',
      async (redis) => await redis.endJanitorTurn(this.#turn, holder),
    );
  }
}
