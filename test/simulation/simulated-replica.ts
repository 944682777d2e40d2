/** A cache server of the simulation: the real story of a request over simulated time, upstream, Redis and ways between them. */
import { DEFAULT_POLICY } from '@pannier/http-semantics';
import { decodeBytes, decodeFrame } from '@pannier/proto/partition-format';
import { createMetrics } from '@pannier/runtime';
import type { EntryResponse } from '../../cache-server/src/entry/entry-answer.ts';
import type { EntryService } from '../../cache-server/src/entry/entry-service.ts';
import { CacheServerError } from '../../cache-server/src/errors.ts';
import { Generations } from '../../cache-server/src/generation/generations.ts';
import { createGetEntry } from '../../cache-server/src/get-entry.ts';
import { UNDECLARED_PROTECTION } from '../../cache-server/src/upstream/protection/protection-settings.ts';
import type { Random } from './random.ts';
import { overLink, SimulatedLink } from './simulated-link.ts';
import { SimulatedProcess } from './simulated-time.ts';
import type { SimulatedUpstream } from './simulated-upstream.ts';
import type { Sabotage } from './sabotage.ts';
import type { Stage } from './stage.ts';

const ORIGIN = 'http://api.test';

/** The world around a replica. */
export interface World extends Pick<Stage, 'time' | 'store' | 'log' | 'leases'> {
  readonly random: Random;
  readonly upstream: SimulatedUpstream;
  /** Share of calls to Redis that are lost. */
  readonly lossShare: number;
  /** How far clocks may be off, in milliseconds. */
  readonly skewMsMax: number;
  readonly sabotage?: Sabotage | undefined;
}

const LIMITS = {
  entryBytesMax: 1_000_000,
  // Small, so that a body of a few kilobytes has many partitions. Below 256 bytes nothing is compressed: no thread decides anything.
  partitionBytes: 200,
  partitionsMax: 1000,
  inlineBytesMax: 100,
  waitersPerFlightMax: 1000,
  waitersBeyond: 'alone' as const,
  waitDeadlineMs: 0,
  relayWindowBytes: 800,
  flightBytesBufferedMax: 800,
  fetchDeadlineMs: 60_000,
};
/** When a replica gives a call up, in milliseconds. */
export const COMMAND_TIMEOUT_MS = 500;

/** What a client got. */
export interface Received {
  readonly status: number;
  readonly etag: string | undefined;
  readonly body: Buffer;
}

/** One replica. */
export class SimulatedReplica {
  readonly process: SimulatedProcess;
  readonly link: SimulatedLink;
  readonly service: EntryService;
  readonly generations: Generations;
  /** Ends nothing. Its own: what a dead process waits for listens for good, and is forgotten with the replica. */
  readonly #never = new AbortController().signal;

  constructor(number: number, world: World) {
    const { time, random, upstream, store, log, leases, lossShare, skewMsMax, sabotage } = world;
    // Of two clocks, one is mostly as far behind as the other one is ahead.
    const skew = random.pick([-1, 1, random.next()]);
    this.process = new SimulatedProcess(time, Math.round(skewMsMax * skew));
    this.link = new SimulatedLink({
      time,
      random,
      process: this.process,
      delayMs: [1, 40],
      lossShare,
      timeoutMs: COMMAND_TIMEOUT_MS,
      lost: (what) => new CacheServerError('store', `${what}: no answer from Redis`),
    });
    const target = {
      name: 'api',
      isDeclared: true,
      protection: UNDECLARED_PROTECTION,
      versionEndpoints: [],
      refreshAhead: { share: 0, hitsMin: 1 },
      forwardHeaders: [],
      policy: DEFAULT_POLICY,
      ignoreNoCache: false,
      closeDelimited: 'relay' as const,
      rangeFillBytesMax: 0,
      fetchTimeoutMs: 30_000,
      idleTimeoutMs: 30_000,
      viaName: `replica-${number}`,
      dispatcher: upstream.dispatcherOf(this.process, number),
    };
    const onAppended = (wake: () => void): (() => void) => log.onAppended(() => this.link.tell(wake));
    this.generations = new Generations({
      clock: this.process.clock,
      log: overLink(log, { link: this.link, of: 'log' }, { isLocal: false, onAppended }),
    });
    const onNews = (name: string, listener: () => void): (() => void) =>
      leases.onNews(name, () => this.link.tell(listener));
    this.service = createGetEntry({
      generations: sabotage === 'purge-join' ? unaware(this.generations) : this.generations,
      leases: overLink(leases, { link: this.link, of: 'leases' }, { onNews }),
      store: overLink(store, { link: this.link, of: 'store' }),
      upstreams: {
        viaName: target.viaName,
        resolve: (url) => ({ upstream: target, url }),
        close: async () => undefined,
      },
      plainUrls: new Set(),
      limits: LIMITS,
      clock: this.process.clock,
      random: random.next,
      logger: { warn: () => undefined },
      metrics: createMetrics('simulation'),
    });
  }

  /** Removes a document for all replicas. @throws when it is not known whether that was done */
  async purge(path: string): Promise<void> {
    await this.generations.invalidate([{ kind: 'url', value: ORIGIN + path }], 'hard');
  }

  /** What a client of this replica gets. Hangs for ever when the replica dies. @throws what it would be told */
  async get(path: string): Promise<Received> {
    const request = { method: 'GET', url: ORIGIN + path, headers: [] };
    const answer = await this.service.getEntry(request, { identity: 'client' }, this.#never);
    if (answer.kind !== 'response') throw new CacheServerError('internal', answer.outcome);
    return await received(answer, this.#never);
  }
}

/** Sees nothing of what was invalidated while it waits for an upstream. */
function unaware(generations: Generations): Generations {
  return new Proxy(generations, {
    get(target, name) {
      if (name === 'known') return () => 'valid';
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

async function received({ status, headers, body }: EntryResponse, signal: AbortSignal): Promise<Received> {
  const etag = headers.find(([name]) => name.toLowerCase() === 'etag')?.[1];
  if (body.inline !== undefined) return { status, etag, body: Buffer.from(body.inline) };
  const parts: Buffer[] = [];
  for await (const part of body.open(0, signal)) {
    if (part.kind === 'raw') parts.push(Buffer.from(part.bytes));
    else {
      const content = await decodeFrame(part.frame, { ...part, contentBytesMax: 1e6 });
      parts.push(Buffer.from(decodeBytes(content).subarray(part.skipBytes)));
    }
  }
  return { status, etag, body: Buffer.concat(parts) };
}
