/** The peace that upstreams asked for with Retry-After, as all servers know of it. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../clock.ts';
import { CacheServerError } from '../../errors.ts';
import { BEAT_EVERY_MS } from './protection-share.ts';
import type { Pause, ProtectionShare } from './protection-share.ts';

/** Settings of {@link UpstreamPauses}. */
export interface PausesOptions {
  readonly clock: Clock;
  readonly share: ProtectionShare | undefined;
  /** Told of an upstream that is to be left in peace from now on, or for longer than was known. */
  readonly onPause: (upstream: string) => void;
  readonly onAway: (error: unknown) => void;
}

/** Undeclared upstreams ask for it, too, and there may be any number of them. */
const UPSTREAMS_MAX = 1000;
/** How many servers there are taken to be while none has been counted yet: the cap shall hold then, too. */
const SERVERS_ASSUMED = 3;
const TOO_MANY_REQUESTS = 429;

/** Also how many servers there are, which is told in the same breath. */
export class UpstreamPauses {
  readonly #options: PausesOptions;
  readonly #untilMs = new LRUCache<string, { untilMs: number; status: number }>({
    maxSize: UPSTREAMS_MAX,
    sizeCalculation: () => 1,
  });
  #servers: number | undefined;
  #cancelBeat: () => void = () => undefined;
  #isClosed = false;

  constructor(options: PausesOptions) {
    this.#options = options;
    void this.#beat();
  }

  /** Servers that divide an upstream between them; as last heard of. */
  get servers(): number {
    if (this.#options.share === undefined) return 1;
    return this.#servers ?? SERVERS_ASSUMED;
  }

  /** Why an upstream may not be asked now; undefined when it may. */
  refusal(upstream: string): CacheServerError | undefined {
    const pause = this.#untilMs.get(upstream);
    const leftMs = pause === undefined ? 0 : pause.untilMs - this.#options.clock.now();
    if (pause === undefined || leftMs <= 0) return undefined;
    const isLimit = pause.status === TOO_MANY_REQUESTS;
    return new CacheServerError(
      isLimit ? 'upstream-limited' : 'upstream-paused',
      `upstream ${upstream} answered ${pause.status} and asked to be left in peace`,
      { proxyError: 'destination_unavailable', retryAfterMs: leftMs },
    );
  }

  /** Notes what an upstream asked for, and tells the other servers. */
  pause(pause: Pause): void {
    if (!this.#note(pause)) return;
    this.#options.share?.pause(pause).catch(this.#options.onAway);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelBeat();
  }

  /** Of two wishes the later end counts; a moment more or less is the way from server to server. */
  #note({ upstream, leftMs, status }: Pause): boolean {
    const untilMs = this.#options.clock.now() + leftMs;
    const known = this.#untilMs.get(upstream)?.untilMs ?? -Infinity;
    if (leftMs <= 0 || untilMs <= known) return false;
    this.#untilMs.set(upstream, { untilMs, status });
    this.#options.onPause(upstream);
    return true;
  }

  /** Never rejects. */
  async #beat(): Promise<void> {
    const { share, clock, onAway } = this.#options;
    if (share === undefined) return;
    try {
      const { servers, pauses } = await share.beat();
      this.#servers = Math.max(1, servers);
      for (const pause of pauses) this.#note(pause);
    } catch (error) {
      onAway(error);
    }
    if (!this.#isClosed) this.#cancelBeat = clock.after(BEAT_EVERY_MS, () => void this.#beat());
  }
}
