/**
 * What three servers over one Redis spare an upstream: after a restart of everything with an empty Redis, at the expiry of a hot entry, and while a
 * stale one is revalidated. Three clients of each key go through proxies, the others are SDK clients that know one server each. The e2e tests hold
 * smaller forms of the same to their promises; here they are counted.
 */
import { coldRestart, CONCURRENCY_MAX } from '../load/cold-restart.ts';
import type { ColdRestartReport } from '../load/cold-restart.ts';
import { atExpiry, whileRevalidating } from '../load/expiry.ts';
import type { ExpiryReport } from '../load/expiry.ts';
import type { BenchOptions, BenchPromise, BenchResult } from './bench.ts';
import { atMost, exactly, noFailures } from './verdict.ts';

const QUICK = { keys: 500, clients: 1000 };
const FULL = { keys: 5000, clients: 5000 };
const CLIENTS_PER_KEY = 20;
const AT_ONCE = 2000;

/** What three storms showed. */
interface Storms {
  readonly cold: ColdRestartReport;
  readonly expiry: ExpiryReport;
  readonly stale: ExpiryReport;
}

function promisesOf({ cold, expiry, stale }: Storms, keys: number, clients: number): BenchPromise[] {
  return [
    noFailures('a cold restart without errors, every body right', cold.failures),
    exactly('a cold restart with an answer for every client', cold.good, keys * CLIENTS_PER_KEY),
    // A machine that stops for seconds ends leases before their time, which servers count: nothing else may cost a second fetch.
    atMost('a cold restart with one fetch of each key at most', cold.fetchesAgain, cold.stops),
    atMost('fetches under way within concurrencyMax', cold.underWayMax, CONCURRENCY_MAX),
    noFailures('an expiry without errors, every body right', expiry.failures),
    exactly('an expiry with an answer for every client', expiry.good, clients),
    exactly('an expiry with one request to the upstream', expiry.asked, 1),
    exactly('an expiry with one conditional request', expiry.conditional, 1),
    noFailures('stale-while-revalidate without errors, every body right', stale.failures),
    exactly('stale-while-revalidate with an answer for every client', stale.good, clients),
    exactly('stale-while-revalidate with nobody waiting for the upstream', stale.answeredMeanwhile, 0),
    exactly('stale-while-revalidate with one request to the upstream', stale.asked, 1),
  ];
}

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
      coldStops: cold.stops,
      coldLookups: cold.lookups,
      coldFollowerFlights: cold.followerFlights,
      expiryLookups: expiry.lookups,
      expiryFollowerFlights: expiry.followerFlights,
      staleLookups: stale.lookups,
      staleFollowerFlights: stale.followerFlights,
      errors,
    },
    promises: promisesOf({ cold, expiry, stale }, keys, clients),
    table: [
      `cold restart: ${keys} keys, ${cold.good} answers; at most ${cold.fetchesPerKeyMax} fetches of a key, ${cold.stops} leases ended before their time, ${cold.underWayMax} under way at once of ${CONCURRENCY_MAX} allowed`,
      `expiry: ${expiry.good} answers for ${expiry.asked} requests to the upstream, ${expiry.conditional} of them conditional`,
      `stale-while-revalidate: ${stale.good} answers before the upstream gave ${stale.answeredMeanwhile === 0 ? 'any' : `its ${stale.answeredMeanwhile}.`}, for ${stale.asked} requests`,
      `at the servers: ${cold.lookups}, ${expiry.lookups} and ${stale.lookups} requests; ${cold.followerFlights}, ${expiry.followerFlights} and ${stale.followerFlights} flights that followed another server's`,
      `errors: ${errors} ${JSON.stringify({ ...cold.failures, ...expiry.failures, ...stale.failures })}`,
    ],
  };
}
