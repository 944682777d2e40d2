/** Stops asking an upstream that keeps failing, and finds out by one request at a time whether it works again. */
import {
  CircuitState,
  circuitBreaker,
  ConsecutiveBreaker,
  handleWhen,
  isBrokenCircuitError,
  SamplingBreaker,
} from 'cockatiel';
import type { CircuitBreakerPolicy, IBreaker } from 'cockatiel';
import { CacheServerError } from '../../errors.ts';
import type { ProtectionSettings } from './protection-settings.ts';

type BreakerSettings = NonNullable<ProtectionSettings['breaker']>;

/** `closed`: all go through. `open`: none. `half-open`: one tries, the others are refused until it is back. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** What the failure of a response is counted by. */
interface Answered {
  readonly response: { readonly status: number };
}

/** How long those wait who come while one tries, in milliseconds. */
const TRIAL_RETRY_MS = 1000;
const FAILED: ReadonlySet<string> = new Set([
  'upstream-unreachable',
  'upstream-timeout',
  'upstream-protocol',
]);
const STATES: Readonly<Partial<Record<CircuitState, BreakerState>>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
};
/** https://www.rfc-editor.org/rfc/rfc5861#section-4 */
const FAILURE_STATUSES: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** One upstream's breaker. Its time is the system's, as cockatiel's is. */
export class UpstreamBreaker {
  readonly #settings: BreakerSettings;
  readonly #upstream: string;
  readonly #policy: CircuitBreakerPolicy;
  #openedMs = -Infinity;

  constructor(upstream: string, settings: BreakerSettings, onChange: (state: BreakerState) => void) {
    this.#upstream = upstream;
    this.#settings = settings;
    const failed = handleWhen((error) => this.#isFailure(error)).orWhenResult(isFailedAnswer);
    this.#policy = circuitBreaker(failed, { halfOpenAfter: settings.openMs, breaker: breakerOf(settings) });
    this.#policy.onStateChange((state) => {
      if (state === CircuitState.Open) this.#openedMs = Date.now();
      onChange(STATES[state] ?? 'open');
    });
  }

  get state(): BreakerState {
    return STATES[this.#policy.state] ?? 'open';
  }

  /** Why nobody may ask now; undefined when one may. */
  refusal(): CacheServerError | undefined {
    const { state } = this;
    if (state === 'closed') return undefined;
    const leftMs = state === 'open' ? this.#openedMs + this.#settings.openMs - Date.now() : TRIAL_RETRY_MS;
    return leftMs > 0 ? this.#refused(leftMs) : undefined;
  }

  /** Runs a request and takes note of how it went. @throws CacheServerError `upstream-paused`, or what the request throws */
  async run<A extends Answered>(ask: () => Promise<A>): Promise<A> {
    const refusal = this.refusal();
    if (refusal !== undefined) throw refusal;
    try {
      return await this.#policy.execute(ask);
    } catch (error) {
      throw isBrokenCircuitError(error) ? this.#refused(this.#settings.openMs) : error;
    }
  }

  #refused(leftMs: number): CacheServerError {
    return new CacheServerError(
      'upstream-paused',
      `upstream ${this.#upstream} keeps failing, and is not asked`,
      {
        proxyError: 'destination_unavailable',
        retryAfterMs: leftMs,
      },
    );
  }

  /** A trial that was given up proves nothing, so that the breaker stays open; else such a request does not count. */
  #isFailure(error: unknown): boolean {
    if (this.#policy.state === CircuitState.HalfOpen) return true;
    return error instanceof CacheServerError && FAILED.has(error.code);
  }
}

function isFailedAnswer(answer: unknown): boolean {
  return FAILURE_STATUSES.has((answer as Answered).response.status);
}

function breakerOf({ failures, share, windowMs, requestsMin }: BreakerSettings): IBreaker {
  const row = failures === undefined ? undefined : new ConsecutiveBreaker(failures);
  if (share === undefined) return row ?? new ConsecutiveBreaker(1);
  const minimumRps = (requestsMin * 1000) / windowMs;
  const sample = new SamplingBreaker({ threshold: share, duration: windowMs, minimumRps });
  return row === undefined ? sample : eitherOf(row, sample);
}

/** Opens when one of them would; both see everything. */
function eitherOf(one: IBreaker, other: IBreaker): IBreaker {
  return {
    state: undefined,
    success(state) {
      one.success(state);
      other.success(state);
    },
    failure(state) {
      const [first, second] = [one.failure(state), other.failure(state)];
      return first || second;
    },
  };
}
