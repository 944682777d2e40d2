/**
 * What three servers over one Redis spare an upstream: after a restart of everything with an empty Redis, at the expiry of a hot entry, and while a
 * stale one is revalidated. The e2e tests hold smaller forms of the same to their promises; here they are counted.
 */
import { coldRestart, CONCURRENCY_MAX } from '../load/cold-restart.ts';
import { atExpiry, whileRevalidating } from '../load/expiry.ts';
import type { BenchOptions, BenchResult } from './bench.ts';

const QUICK = { keys: 500, clients: 1000 };
const FULL = { keys: 5000, clients: 5000 };
const CLIENTS_PER_KEY = 20;
const AT_ONCE = 2000;

function errorsOf(failures: Readonly<Record<string, number>>): number {
  return Object.values(failures).reduce((sum, count) => sum + count, 0);
}

/** See the head of this file. */
export async function clusterBench({ full, progress }: BenchOptions): Promise<BenchResult> {
  const { keys, clients } = full ? FULL : QUICK;
  progress(`${keys} keys after a restart of everything, ${CLIENTS_PER_KEY} clients each`);
  const cold = await coldRestart({ keys, clientsPerKey: CLIENTS_PER_KEY, atOnce: AT_ONCE });
  progress(`${clients} clients at the expiry of one entry`);
  const expiry = await atExpiry(clients);
  progress(`${clients} clients while one entry is revalidated`);
  const stale = await whileRevalidating(clients);
  const errors = errorsOf(cold.failures) + errorsOf(expiry.failures) + errorsOf(stale.failures);
  return {
    figures: {
      coldFetchesPerKeyMax: cold.fetchesPerKeyMax,
      coldUnderWayMax: cold.underWayMax,
      expiryRequests: expiry.asked,
      expiryConditional: expiry.conditional,
      staleRequests: stale.asked,
      staleAnsweredByUpstreamMeanwhile: stale.answeredMeanwhile,
      errors,
    },
    table: [
      `cold restart: ${keys} keys, ${cold.good} answers; at most ${cold.fetchesPerKeyMax} fetches of a key, ${cold.underWayMax} under way at once of ${CONCURRENCY_MAX} allowed`,
      `expiry: ${expiry.good} answers for ${expiry.asked} requests to the upstream, ${expiry.conditional} of them conditional`,
      `stale-while-revalidate: ${stale.good} answers before the upstream gave ${stale.answeredMeanwhile === 0 ? 'any' : `its ${stale.answeredMeanwhile}.`}, for ${stale.asked} requests`,
      `errors: ${errors} ${JSON.stringify({ ...cold.failures, ...expiry.failures, ...stale.failures })}`,
    ],
  };
}
