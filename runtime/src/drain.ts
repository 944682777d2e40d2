import { formatDuration } from './duration.ts';
import type { Readiness } from './admin.ts';
import type { Logger } from './logger.ts';

export interface DrainOptions {
  /** Stops taking work and resolves when what is open has ended; the signal is aborted when `drainMs` is over. */
  readonly onDrain: (deadline: AbortSignal) => Promise<void>;
  /** How long `onDrain` may take. */
  readonly drainMs: number;
  readonly logger: Logger;
}

export interface Drain {
  /** Aborted with the first signal: from then on `/readyz` says no, and new work is turned away. */
  readonly draining: AbortSignal;
  /** As {@link Readiness}: not ready once draining; else what `ready` says, or yes. */
  readonly readiness: (ready?: () => Readiness) => Readiness;
  /** Takes the handlers off again, for a process that goes on. */
  readonly uninstall: () => void;
}

/**
 * Ctrl-C under npm arrives twice, from the terminal and from npm, which forwards what it got: a second signal this soon is the
 * first one's echo.
 */
const echoMs = 300;

/** 128 + the signal's number, as shells count it. */
const killedCodes = { SIGINT: 130, SIGTERM: 143 };

/**
 * SIGTERM or SIGINT: ready goes false, `onDrain` runs, the process exits with 0, also when `drainMs` was too short and the rest
 * is cut; with 1 when `onDrain` fails. A second signal exits at once, unless it is the echo of the first.
 */
export function installSignals(options: DrainOptions): Drain {
  const draining = new AbortController();
  let firstAtMs = 0;
  const onSignal = (signal: keyof typeof killedCodes): void => {
    if (draining.signal.aborted) {
      if (performance.now() - firstAtMs < echoMs) return;
      options.logger.warn({ signal }, 'second signal, exiting at once');
      process.exit(killedCodes[signal]);
    }
    firstAtMs = performance.now();
    options.logger.info({ signal, within: formatDuration(options.drainMs) }, 'draining');
    draining.abort();
    void drain(options).then((code) => process.exit(code));
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  return {
    draining: draining.signal,
    readiness: (ready) => {
      if (draining.signal.aborted) return { ok: false, reason: 'draining' };
      return ready?.() ?? { ok: true };
    },
    uninstall: () => void process.off('SIGTERM', onSignal).off('SIGINT', onSignal),
  };
}

async function drain({ onDrain, drainMs, logger }: DrainOptions): Promise<number> {
  const deadline = new AbortController();
  const overdue = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    deadline.abort(new DOMException(`not drained within ${formatDuration(drainMs)}`, 'TimeoutError'));
    overdue.reject(deadline.signal.reason);
  }, drainMs);
  try {
    await Promise.race([onDrain(deadline.signal), overdue.promise]);
    logger.info('drained');
    return 0;
  } catch (err) {
    // An onDrain that heeds its deadline rejects with it, perhaps before the race does: that is the cut, not a failure.
    if (deadline.signal.aborted) {
      logger.warn('the drain took too long, cutting what is still open');
      return 0;
    }
    logger.error({ err }, 'the drain failed');
    return 1;
  } finally {
    clearTimeout(timer);
  }
}
