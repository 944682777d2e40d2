/** The janitor of a server, put together: what it hears of, when it goes through the store, and what is told of it. */
import type { Config, Logger, Metrics } from '@pannier/runtime';
import type { Clock } from './clock.ts';
import type { EntryService } from './entry/entry-service.ts';
import { ledgerName } from './janitor/estate.ts';
import { Janitor } from './janitor/janitor.ts';
import type { JanitorStep } from './janitor/janitor.ts';
import { MemoryUseLedger } from './janitor/use-ledger.ts';
import type { UseLedger } from './janitor/use-ledger.ts';
import { UseNotes } from './janitor/use-notes.ts';
import type { ObjectKeeper } from './keep-object.ts';
import { datasetEstate, datasetOwner, objectEstate } from './left-behind.ts';
import { RELEASE_GRACE_MS } from './store/entry-store.ts';
import type { EntryStore } from './store/entry-store.ts';

/** What it needs. */
export interface StartJanitorDeps {
  readonly config: Config;
  readonly store: EntryStore;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  readonly metrics: Metrics;
  /** Shared by all servers; without one, this server is alone. */
  readonly ledger?: UseLedger | undefined;
}

/** A janitor at work. */
export interface RunningJanitor {
  /** The same entries, and each caller is heard of. */
  heardBy(entries: EntryService): EntryService;
  /** The same for the callers' own objects. */
  heardByObjects(objects: ObjectKeeper): ObjectKeeper;
  /** Goes through the store now. */
  run(how: { isDry: boolean; signal: AbortSignal }): AsyncGenerator<JanitorStep, void, undefined>;
  close(): Promise<void>;
}

const JITTER = 0.1;
const RUNS = ['done', 'failed', 'elsewhere'] as const;

/** Starts it: the first run is due after `server.janitor.everyMs`. */
export function startJanitor(deps: StartJanitorDeps): RunningJanitor {
  const { config, store, clock } = deps;
  const { scopeTtlMs } = config.server.janitor;
  const counters = janitorCounters(deps.metrics);
  const ledger = deps.ledger ?? new MemoryUseLedger();
  const onFailed = (): void => counters.note('failed');
  const notes = new UseNotes({ ledger, clock, scopeTtlMs, onFailed });
  const declared = Object.entries(config.datasets).map(([name, { upstream }]) =>
    datasetOwner(upstream, name),
  );
  notes.keep(declared.map((owner) => ledgerName('dataset', owner)));
  // So that what its owner itself did last is not taken for somebody else's use of a moment ago.
  const graceMs = Math.max(1, Math.min(RELEASE_GRACE_MS, scopeTtlMs / 2));
  const estate = { store, graceMs };
  const janitor = new Janitor({
    estates: [objectEstate(estate), datasetEstate({ ...estate, declared: new Set(declared) })],
    listKeys: async (page) => await store.listKeys(page),
    ledger,
    clock,
    scopeTtlMs,
    count: counters.removed,
  });
  const walks = startWalks(janitor, { ...deps, count: counters.run });
  const heard = (identity: string): void => notes.note(ledgerName('scope', identity));
  return {
    heardBy: (entries) => heardBy(entries, heard),
    heardByObjects: (objects) => heardByObjects(objects, heard),
    run: (how) => janitor.run({ ...how, signal: AbortSignal.any([how.signal, walks.closed]) }),
    async close() {
      await walks.close();
      await notes.close();
    },
  };
}

/** A walk every now and then, with a jitter, so that the servers do not all come at once. */
function startWalks(
  janitor: Janitor,
  {
    config,
    clock,
    random,
    logger,
    count,
  }: StartJanitorDeps & { count: (what: (typeof RUNS)[number]) => void },
): { closed: AbortSignal; close(): Promise<void> } {
  const { everyMs } = config.server.janitor;
  const closed = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const goThrough = async (): Promise<void> => {
    try {
      for await (const { findings = [] } of janitor.run({ isDry: false, signal: closed.signal }))
        if (findings.length > 0) logger.info({ findings }, 'removed what was left behind');
      count('done');
    } catch (err) {
      const isElsewhere = err instanceof Error && 'code' in err && err.code === 'limit-exceeded';
      count(isElsewhere ? 'elsewhere' : 'failed');
      if (!isElsewhere && !closed.signal.aborted)
        logger.warn({ err }, 'the janitor could not go through the store');
    }
  };
  let stop = (): void => undefined;
  const again = (): void => {
    stop = clock.after(everyMs * (1 + JITTER * random()), () => {
      running = goThrough().then(again);
    });
  };
  again();
  return {
    closed: closed.signal,
    async close() {
      stop();
      closed.abort();
      await running;
      stop();
    },
  };
}

function heardBy(entries: EntryService, heard: (identity: string) => void): EntryService {
  return {
    ...entries,
    getEntry: async (request, caller, signal) => {
      heard(caller.identity);
      return await entries.getEntry(request, caller, signal);
    },
  };
}

function heardByObjects(objects: ObjectKeeper, heard: (identity: string) => void): ObjectKeeper {
  return {
    get: async (caller, name) => {
      heard(caller.identity);
      return await objects.get(caller, name);
    },
    put: async (caller, object) => {
      heard(caller.identity);
      return await objects.put(caller, object);
    },
    delete: async (caller, name) => {
      heard(caller.identity);
      return await objects.delete(caller, name);
    },
  };
}

function janitorCounters(metrics: Metrics): {
  run: (what: (typeof RUNS)[number]) => void;
  note: (what: 'failed') => void;
  removed: (what: 'keys' | 'bytes', kind: string, amount: number) => void;
} {
  const runs = metrics.counter<string>({
    name: 'janitor_runs_total',
    help: 'Walks of this server through the store, by how they ended; elsewhere when it was another server’s turn.',
    labels: ['what'],
  });
  for (const what of RUNS) runs.inc({ what }, 0);
  const keys = metrics.counter<string>({
    name: 'janitor_removed_keys_total',
    help: 'Manifests removed because their owner was gone.',
    labels: ['kind'],
  });
  const bytes = metrics.counter<string>({
    name: 'janitor_removed_bytes_total',
    help: 'Bytes of what was removed with them, as stored; partitions go ten minutes later.',
    labels: ['kind'],
  });
  for (const kind of ['scope', 'dataset']) for (const removed of [keys, bytes]) removed.inc({ kind }, 0);
  const unnoted = metrics.counter({
    name: 'janitor_uses_unnoted_total',
    help: 'Uses that could not be written down, and were at the next one.',
  });
  return {
    run: (what) => runs.inc({ what }),
    note: () => unnoted.inc(),
    removed: (what, kind, amount) => (what === 'keys' ? keys : bytes).inc({ kind }, amount),
  };
}
