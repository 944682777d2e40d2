/** What servers tell each other of the upstreams that they protect together, in the Redis for control. */
import { randomUUID } from 'node:crypto';
import type { RedisConnection } from './redis-connection.ts';

/** A report of one server on one upstream; see `upstream/protection/protection-share.ts`. */
interface Report {
  readonly upstream: string;
  readonly running: number;
  readonly waiting: number;
  readonly waitedMs: number;
  readonly concurrencyMax: number | undefined;
  readonly rate: { readonly requests: number; readonly per: number; readonly burst: number } | undefined;
}

interface Pause {
  readonly upstream: string;
  readonly leftMs: number;
  readonly status: number;
}

/** Settings of {@link RedisUpstreamSlots}. */
export interface RedisUpstreamSlotsOptions {
  readonly control: Pick<RedisConnection, 'command'>;
  readonly keyPrefix: string;
  /** How long a report counts, and a server that is not heard of, in milliseconds. */
  readonly reportLeaseMs: number;
  readonly serverSeenMs: number;
}

/** In each name, so that servers of another version do not misread it. */
const FORMAT_VERSION = 1;
/** How soon a server asks again whose fetches wait for those of others, in milliseconds. */
const POLL_MS = 15;
/** How much longer than it is told to wait a server counts as waiting, in milliseconds. */
const CLAIM_MS = 500;
/** When nobody else is in the way, in milliseconds: the end of an own fetch is told of anyway. */
const ALONE_RETRY_MS = 1500;

/** A `ProtectionShare`. All names share a slot of a cluster, since there are few of them. */
export class RedisUpstreamSlots {
  readonly #options: RedisUpstreamSlotsOptions;
  /** Of this process; one that starts anew holds nothing. */
  readonly #server = randomUUID();
  readonly #start: string;

  constructor(options: RedisUpstreamSlotsOptions) {
    this.#options = options;
    this.#start = `${options.keyPrefix}:${FORMAT_VERSION}:{protection}`;
  }

  async report({
    upstream,
    concurrencyMax,
    rate,
    ...own
  }: Report): Promise<{ granted: number; retryInMs: number }> {
    const { control, reportLeaseMs } = this.#options;
    const state = [this.#server, own.running, own.waiting, Math.max(0, Math.round(own.waitedMs))];
    const bounds = [concurrencyMax ?? 0, rate === undefined ? 0 : rate.per / rate.requests, rate?.burst ?? 1];
    const [granted, retryInMs] = await control.command(
      'report fetches under way',
      async (redis) =>
        await redis.reportFetches(
          `${this.#start}:upstream:${upstream}`,
          ...state,
          ...bounds,
          reportLeaseMs,
          POLL_MS,
          CLAIM_MS,
        ),
    );
    return { granted, retryInMs: retryInMs === 0 ? ALONE_RETRY_MS : retryInMs };
  }

  async beat(): Promise<{ servers: number; pauses: Pause[] }> {
    const { control, serverSeenMs } = this.#options;
    const [servers, ...told] = await control.command(
      'see how upstreams are protected',
      async (redis) =>
        await redis.beatProtection(
          `${this.#start}:servers`,
          `${this.#start}:pauses`,
          this.#server,
          serverSeenMs,
        ),
    );
    const pauses: Pause[] = [];
    for (let at = 0; at + 2 < told.length; at += 3)
      pauses.push({
        upstream: String(told[at]),
        leftMs: Number(told[at + 1]),
        status: Number(told[at + 2]),
      });
    return { servers: Number(servers), pauses };
  }

  async pause({ upstream, leftMs, status }: Pause): Promise<void> {
    await this.#options.control.command(
      'tell other servers to leave an upstream in peace',
      async (redis) =>
        await redis.pauseUpstream(`${this.#start}:pauses`, upstream, Math.ceil(leftMs), status),
    );
  }
}
