/** Every request of this server to an upstream goes through here. */
import type { Logger, Metrics } from '@pannier/runtime';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../clock.ts';
import type { Upstream } from '../upstream-registry.ts';
import { FetchSlots } from './fetch-slots.ts';
import { createProtectionCounters } from './protection-counters.ts';
import type { ProtectionShare } from './protection-share.ts';
import { UpstreamBreaker } from './upstream-breaker.ts';
import type { BreakerState } from './upstream-breaker.ts';
import { UpstreamGuard } from './upstream-guard.ts';
import type { Attempted, GuardedRequest } from './upstream-guard.ts';
import { UpstreamPauses } from './upstream-pauses.ts';

/** What it is made of. */
export interface ProtectionDeps {
  readonly clock: Clock;
  /** Like Math.random. */
  readonly random: () => number;
  readonly logger: Pick<Logger, 'warn'>;
  readonly metrics: Metrics;
  /** What the servers of one cluster have in common; a server without is alone. */
  readonly share: ProtectionShare | undefined;
}

/** How an upstream stands. */
export interface UpstreamLoad {
  readonly queued: number;
  readonly running: number;
  /** Of all servers together; undefined where there is no limit. */
  readonly concurrencyMax: number | undefined;
  /** Undefined where there is none. */
  readonly breaker: BreakerState | undefined;
}

interface Guarded {
  readonly concurrencyMax: number | undefined;
  readonly guard: UpstreamGuard;
  readonly slots: FetchSlots;
  readonly breaker: UpstreamBreaker | undefined;
}

/** Undeclared upstreams are guarded, too; of those that were asked longest ago nothing is known any more. */
const GUARDS_MAX = 1000;
/** While the share is away every fetch finds out; one line in this many milliseconds says as much. */
const QUIET_MS = 10_000;

/** The guards of all upstreams. */
export class UpstreamProtection {
  readonly #deps: ProtectionDeps;
  readonly #counters: ReturnType<typeof createProtectionCounters>;
  readonly #pauses: UpstreamPauses;
  readonly #declared = new Map<string, Guarded>();
  readonly #undeclared = new LRUCache<string, Guarded>({ max: GUARDS_MAX });
  #awayToldMs = -Infinity;

  constructor(deps: ProtectionDeps) {
    this.#deps = deps;
    this.#counters = createProtectionCounters(deps.metrics, () => this.#pauses.servers);
    this.#pauses = new UpstreamPauses({
      clock: deps.clock,
      share: deps.share,
      onPause: (upstream) => this.#find(upstream)?.guard.refuseWaiting(),
      onAway: (error) => this.#away(error),
    });
  }

  /** Makes a request to an upstream when it may be made; see {@link UpstreamGuard.ask}. */
  async ask<A extends Attempted>(upstream: Upstream, request: GuardedRequest<A>): Promise<A> {
    const { guard } = this.#find(upstream.name) ?? this.#guard(upstream);
    return await guard.ask(request);
  }

  /** How each declared upstream stands that was asked since the start. */
  loads(): Readonly<Record<string, UpstreamLoad>> {
    const loads = [...this.#declared].map(([name, { slots, breaker, concurrencyMax }]) => {
      const { queued, running } = slots;
      return [name, { queued, running, concurrencyMax, breaker: breaker?.state }] as const;
    });
    return Object.fromEntries(loads);
  }

  close(): void {
    this.#pauses.close();
    for (const { slots } of [...this.#declared.values(), ...this.#undeclared.values()]) slots.close();
  }

  #find(name: string): Guarded | undefined {
    return this.#declared.get(name) ?? this.#undeclared.get(name);
  }

  #guard(upstream: Upstream): Guarded {
    const { name, protection: settings, isDeclared } = upstream;
    const { clock, random, share } = this.#deps;
    if (isDeclared) this.#counters.declare(name, settings.breaker !== undefined);
    const slots = new FetchSlots({
      upstream: name,
      settings,
      clock,
      share,
      servers: () => this.#pauses.servers,
      onChange: () => this.#counters.load(name, slots),
      onAway: (error) => this.#away(error),
    });
    const breaker =
      settings.breaker &&
      new UpstreamBreaker(name, settings.breaker, (state) => this.#breakerChanged(name, state));
    const parts = { upstream: name, settings, slots, breaker, clock, random };
    const guard = new UpstreamGuard({ ...parts, pauses: this.#pauses, counters: this.#counters });
    const guarded = { guard, slots, breaker, concurrencyMax: settings.concurrencyMax };
    if (isDeclared) this.#declared.set(name, guarded);
    else this.#undeclared.set(name, guarded);
    return guarded;
  }

  #breakerChanged(upstream: string, state: BreakerState): void {
    this.#counters.breaker(upstream, state);
    this.#deps.logger.warn({ upstream, state }, `circuit breaker of upstream ${upstream}: ${state}`);
    if (state === 'open') this.#find(upstream)?.guard.refuseWaiting();
  }

  #away(err: unknown): void {
    const now = this.#deps.clock.now();
    if (now - this.#awayToldMs < QUIET_MS) return;
    this.#awayToldMs = now;
    this.#deps.logger.warn(
      { err },
      'upstreams are protected by this server alone, by its part of their caps',
    );
  }
}
