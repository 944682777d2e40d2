/** A flight of a server that follows another one's: its waiters get what that one tells, as soon as it is told. */
import { entryTags } from '@pannier/proto/generation';
import type { EntryTargets, Generation } from '@pannier/proto/generation';
import type { EntryContext } from '../entry/entry-context.ts';
import type { EntryKey } from '../entry/entry-key.ts';
import type { FetchTask } from './fetch-task.ts';
import type { FlightHead } from './flight-head.ts';
import { readerOf } from './flight-lease.ts';
import type { ClusterContext } from './flight-lease.ts';
import type { Flight } from '../flight/flight.ts';
import { followBody } from './follow-body.ts';
import type { FollowedFlight } from './follow-sources.ts';
import { isFresh } from '../freshness/entry-freshness.ts';
import { failureOf } from '../lease/flight-record.ts';
import type { HeadRecord, ReleasedRecord, SettledRecord } from '../lease/flight-record.ts';
import { placeOf } from './response-place.ts';

/**
 * - `done`     the waiters have what they wanted
 * - `again`    whoever led has gone without a word: look who leads now
 * - `refused`  what the flight brings is too old for those who wait here
 * - `alone`    this server asks for itself
 */
export type FollowEnd = 'done' | 'again' | 'refused' | 'alone';

/** How old what is known of invalidations may be, in milliseconds. */
const CONFIRMED_MS_MAX = 1000;

/** What a flight is followed with. */
export interface Following {
  readonly followed: FollowedFlight;
  readonly context: ClusterContext;
}

/** Follows a flight to its end. Rejects with what it failed with, or the flight's own signal. */
export async function followFlight(
  task: FetchTask,
  flight: Flight<FlightHead>,
  { followed, context }: Following,
): Promise<FollowEnd> {
  if (followed.isAnswered && task.need === 'confirmed') return 'refused';
  context.counters.flightRole('follower');
  const reader = readerOf(followed, flight.signal, context);
  const { confirmedMsAgo, position } = context.generations;
  const isConfirmed = confirmedMsAgo <= CONFIRMED_MS_MAX;
  const began = isConfirmed ? position : undefined;
  // Whoever comes after an invalidation from here on shall not wait with the others. What is known is as old as its confirmation; without one
  // the head is judged by what is known when it comes, so that those who come until then are in time.
  const knownMsAgo = isConfirmed ? confirmedMsAgo : 0;
  flight.captured = { generation: position, atMs: context.clock.now() - knownMsAgo };
  flight.isFollowing = true;
  try {
    const records = reader.records();
    const first = await records.next();
    if (first.done === true) return first.value === 'vacant' || first.value === 'taken' ? 'again' : 'alone';
    const record = first.value;
    switch (record.kind) {
      case 'head':
        return (
          (await refusal(record, { task, flight, followed, began, context })) ??
          (await followBody(task, flight, { followed, context, reader, head: record, records }))
        );
      case 'settled':
        return (await settleStored(record, { task, flight, followed, context })) ? 'done' : 'refused';
      case 'released':
        return settleReleased(record, { task, flight, context });
      case 'failed':
        // It failed for those who waited; whoever has been told may try again.
        if (followed.isAnswered) return 'refused';
        throw failureOf(record);
      default:
        return 'alone';
    }
  } finally {
    flight.isFollowing = false;
    reader.close();
  }
}

interface Parts {
  readonly task: FetchTask;
  readonly flight: Flight<FlightHead>;
  readonly context: EntryContext;
}

/**
 * Whether a response had come before those who wait here asked. It may have been told late, its clients answered long ago; one of this server's
 * own flights may even be followed, whose clients have all they wanted, and whose lease is not given up yet. By clocks that differ a
 * response seems earlier than it is, and is fetched once more, or later.
 */
function isEarlier(
  { isAnswered, askedAtMs }: FollowedFlight,
  { responseTimeMs }: { responseTimeMs: number },
): boolean {
  return isAnswered || responseTimeMs <= askedAtMs;
}

/** Why a response is not for those who wait here. */
async function refusal(
  record: HeadRecord,
  { task, flight, followed, began, context }: Parts & { followed: FollowedFlight; began: Began },
): Promise<FollowEnd | undefined> {
  if (record.partitionBytes !== context.limits.partitionBytes) return 'alone';
  // It may be from before an invalidation that was acknowledged before the first of those who wait here asked.
  const places = [flight.key, placeOf(task, record.variant)];
  if (!(await isValid(record, { places, began, context }))) return 'refused';
  if (!isEarlier(followed, record)) return undefined;
  return task.acceptsEarlier({ ...record, policy: task.target.upstream.policy }) ? undefined : 'refused';
}

/** What was known of invalidations when this server began to follow; undefined where that was not confirmed. */
type Began = Generation | undefined;

function isSince({ epoch, sequence }: Generation, began: Began): boolean {
  return epoch === began?.epoch && sequence >= began.sequence;
}

async function isValid(
  { generation, headers }: HeadRecord,
  given: { places: readonly EntryKey[]; began: Began; context: EntryContext },
): Promise<boolean> {
  const { places, began, context } = given;
  const { generations } = context;
  const tags = entryTags(headers);
  for (const { text: key, scope, url } of places) {
    const targets = (): EntryTargets => ({ key, scope, tags, ...(url === undefined ? {} : { url }) });
    // All that was known when this server began to follow was known to who asked; else what has come since is to be read first.
    const verdict = isSince(generation, began)
      ? generations.known(generation, targets)
      : (await generations.judge(generation, targets)).verdict;
    if (verdict !== 'valid') return false;
  }
  return true;
}

/** Answers from the store, if it has what was told of. */
async function settleStored(
  record: SettledRecord,
  { task, flight, followed, context }: Parts & { followed: FollowedFlight },
): Promise<boolean> {
  if (task.need === 'whole' || (task.need === 'confirmed' && record.outcome === 'hit')) return false;
  const manifest = await context.manifests.read(task.entryKey.text);
  if (manifest === undefined) return false;
  // One in doubt was asked about before an invalidation that those who wait here may have seen acknowledged.
  const isConfirmed =
    record.outcome === 'revalidated' &&
    !isEarlier(followed, record) &&
    manifest.doubt === undefined &&
    manifest.responseTimeMs >= record.responseTimeMs;
  if (!isConfirmed && (task.need !== 'any' || !isFresh(manifest, context.clock.now()))) return false;
  flight.settle({
    kind: 'stored',
    outcome: isConfirmed ? 'revalidated' : 'hit',
    manifest,
    isFollowed: true,
  });
  return true;
}

/** What came was for one caller, or more than can be told. */
function settleReleased(record: ReleasedRecord, { task, flight, context }: Parts): FollowEnd {
  if (record.why === 'alone') return 'alone';
  if (record.isRemembered) context.uncacheable.set(task.entryKey.text, true);
  flight.settle({ kind: 'released' });
  return 'done';
}
