import { CacheService } from '@pannier/proto';
import type { CallLimits, Transport } from './transport/transport.ts';

/**
 * Has the servers forget what they have stored of some URLs. Entries published by fetches that began before do not come back.
 *
 * @throws PannierError `unavailable`, `deadline`, …
 */
export async function invalidateUrls(
  transport: Pick<Transport, 'unary'>,
  urls: readonly string[],
  limits?: CallLimits,
): Promise<void> {
  const targets = urls.map((value) => ({ target: { case: 'url' as const, value } }));
  await transport.unary(CacheService.method.invalidate, { targets }, limits);
}
