/**
 * Who fetches alone waits for its turn at the upstream beside the fetch that it may not wait for, which may have stored by then what both want:
 * the cache is looked up again when the turn has come. Without that a hundred past the cap of waiters would fetch the same one after another.
 */
import type { FetchTask } from './fetch-task.ts';
import type { FlightHead } from './flight-head.ts';
import type { Flight } from '../flight/flight.ts';
import type { Manifest } from '../entry/manifest.ts';

/** Looks for what makes asking needless, before an attempt is sent. @throws StoredMeanwhile with what it has found */
export type Look = () => Promise<void>;

/** Nothing was sent: what was to be asked for is stored. */
class StoredMeanwhile extends Error {
  override readonly name = 'StoredMeanwhile';
  readonly manifest: Manifest;

  constructor(manifest: Manifest) {
    super('stored before the upstream was asked for it');
    this.manifest = manifest;
  }
}

/** The look of a task; undefined for one that others wait for: nobody else stores what that brings. @param find what is stored and fresh */
export function lookOf(
  { isAlone, need }: FetchTask,
  find: () => Promise<Manifest | undefined>,
): Look | undefined {
  if (isAlone !== true || need !== 'any') return undefined;
  return async () => {
    const manifest = await find();
    if (manifest !== undefined) throw new StoredMeanwhile(manifest);
  };
}

/** Does the work of a flight, or settles it by what the look has found. */
export async function fetchUnlessStored(
  flight: Flight<FlightHead>,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof StoredMeanwhile)) throw error;
    flight.settle({ kind: 'stored', outcome: 'hit', manifest: error.manifest });
  }
}
