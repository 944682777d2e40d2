/** Tells of fetches by the clock that fail: one line each. Whoever asked the upstream has told how, with the stack, where that is of use. */
import type { Logger } from '@pannier/runtime';
import type { Clock } from '../clock.ts';
import { asCacheServerError } from '../errors.ts';
import type { CacheServerErrorCode } from '../errors.ts';
import type { UpstreamRule } from './refresh-schedule.ts';

/** A rule that goes on failing in the same way is told of again after this, in milliseconds; all are counted. */
const AGAIN_MS = 600_000;

/** What was told last of each rule that fails. */
export class FailedRefreshes {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #clock: Clock;
  /** By code, since reasons may take turns: an upstream says that it is busy, and then is not asked. */
  readonly #toldAtMs = new Map<UpstreamRule, Map<CacheServerErrorCode, number>>();

  constructor(logger: Pick<Logger, 'warn'>, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** The next failure is told of at once. */
  fetched(due: UpstreamRule): void {
    this.#toldAtMs.delete(due);
  }

  failed(due: UpstreamRule, error: unknown): void {
    const { code, message } = asCacheServerError(error);
    const told = this.#toldAtMs.get(due) ?? new Map<CacheServerErrorCode, number>();
    this.#toldAtMs.set(due, told);
    const now = this.#clock.now();
    const ageMs = now - (told.get(code) ?? -Infinity);
    // A clock that was set back silences nothing until it has caught up.
    if (ageMs >= 0 && ageMs < AGAIN_MS) return;
    told.set(code, now);
    const { upstream, rule } = due;
    // What nobody has foreseen is a bug, and is found by its stack.
    const why = code === 'internal' ? { err: error } : { code };
    this.#logger.warn({ upstream, path: rule.path, ...why }, `a fetch by the clock failed: ${message}`);
  }
}
