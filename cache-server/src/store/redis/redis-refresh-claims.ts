/** Which server fetches what is due, in the Redis for control. */
import { createHash } from 'node:crypto';
import type { RedisConnection } from './redis-connection.ts';

const FORMAT_VERSION = 1;

/** A `RefreshClaims`. */
export class RedisRefreshClaims {
  readonly #control: Pick<RedisConnection, 'command'>;
  readonly #start: string;

  constructor(control: Pick<RedisConnection, 'command'>, keyPrefix: string) {
    this.#control = control;
    this.#start = `${keyPrefix}:${FORMAT_VERSION}:refresh:`;
  }

  async claim(name: string, forMs: number): Promise<boolean> {
    const key = this.#start + createHash('sha256').update(name).digest('base64url');
    const taken = await this.#control.command(
      'claim a scheduled fetch',
      async (redis) => await redis.set(key, '1', 'PX', forMs, 'NX'),
    );
    return taken === 'OK';
  }
}
