/** After a write that went past the cache: its own caller shall read what it wrote, and so shall everybody else, soon. */
import { setTimeout as delay } from 'node:timers/promises';
import { PannierError } from './errors.ts';
import { invalidateUrls } from './invalidate.ts';
import type { NearCache } from './near-cache.ts';
import { BackOff } from './transport/back-off.ts';
import type { Transport } from './transport/transport.ts';

/** Who is told. */
export interface OutdateParts {
  readonly transport: Pick<Transport, 'unary' | 'state'>;
  readonly near: Pick<NearCache, 'deleteUrl'>;
  /** That the servers could not be told. Must not throw. */
  readonly onFailure: (error: unknown) => void;
}

/** How long the response to the write is held back for the servers' acknowledgement, in milliseconds. */
const ACKNOWLEDGED_MS_MAX = 50;
/** How long one server may take before another is asked, in milliseconds: told twice is told as well. */
const ATTEMPT_MS = 500;
const DEADLINE_MS = 2000;
/** How long servers that cannot be told are tried again, in milliseconds. */
const PATIENCE_MS = 30_000;
/** Writes that wait for servers to come back; beyond, each is tried once. */
const PATIENT_MAX = 256;
/** Failures of what is asked for, not of who is asked. */
const FINAL: ReadonlySet<string> = new Set(['bad-request', 'unimplemented', 'closed', 'protocol']);

let patient = 0;

/**
 * Has the near cache forget URLs at once, and the servers too. Settles when they have acknowledged it, or after 50 ms; at once while none is
 * up. Never rejects.
 *
 * @param urls as they are written
 * @param nearUrls all that the near cache may hold them under, themselves included
 */
export async function outdateUrls(
  urls: readonly string[],
  nearUrls: readonly string[],
  { transport, near, onFailure }: OutdateParts,
): Promise<void> {
  const forget = (): void => {
    for (const url of nearUrls) near.deleteUrl(url);
  };
  forget();
  // Again at the end: who asked a server before it knew may have kept its old answer since.
  const told = tellServers(urls, transport, onFailure).then(forget);
  if (!transport.state().some(({ usable }) => usable)) return;
  const waited = new AbortController();
  const enough = delay(ACKNOWLEDGED_MS_MAX, undefined, { signal: waited.signal }).catch(() => undefined);
  await Promise.race([told, enough]);
  waited.abort();
}

/** What the servers' log has not taken, because it or they are away, is told when they are back. Reports the first failure. */
async function tellServers(
  urls: readonly string[],
  transport: OutdateParts['transport'],
  onFailure: OutdateParts['onFailure'],
): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS;
  const backOff = new BackOff();
  for (let attempt = 0; ; attempt += 1) {
    try {
      await invalidateUrls(transport, urls, { deadlineMs: DEADLINE_MS, attemptMs: ATTEMPT_MS });
      return;
    } catch (error) {
      if (attempt === 0) onFailure(error);
      const isFinal = error instanceof PannierError && FINAL.has(error.code);
      if (isFinal || performance.now() > untilMs || patient >= PATIENT_MAX) return;
    }
    patient += 1;
    await delay(backOff.next(), undefined, { ref: false });
    patient -= 1;
  }
}
