/** Watch: the events of the log as they happen, in order and without a gap, or a word that there is one; and signs of life. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { InvalidationMode } from '@pannier/proto';
import type { WatchRequest, WatchResponseSchema } from '@pannier/proto';
import type { Generation } from '@pannier/proto/generation';
import { CacheServerError } from '../errors.ts';
import type { Generations } from '../generation/generations.ts';
import type { LogEvent } from '../generation/invalidation-log.ts';
import { targetMessage } from './invalidate-call.ts';

/** What the call needs. */
export interface WatchDeps {
  readonly generations: Pick<
    Generations,
    'eventsAfter' | 'changed' | 'capture' | 'position' | 'confirmedMsAgo'
  >;
  readonly now: () => number;
  readonly draining: AbortSignal;
}

type Message = MessageInitShape<typeof WatchResponseSchema>;

const SIGN_OF_LIFE_MS = 500;
const UINT32_MAX = 0xffffffff;
/** Names in one event. */
const NAMES_MAX = 1000;

/**
 * Ends when the caller leaves.
 *
 * @throws CacheServerError `draining` when this server is to end: another one goes on from the last number
 */
export async function* watch(
  { afterSequence, epoch }: WatchRequest,
  call: { signal: AbortSignal },
  { generations, now, draining }: WatchDeps,
): AsyncGenerator<Message> {
  const signal = AbortSignal.any([call.signal, draining]);
  const here = await generations.capture();
  let position: Generation = epoch === '' ? here : { epoch, sequence: Number(afterSequence) };
  let shownAtMs = -Infinity;
  while (!signal.aborted) {
    const { continues, events, position: next } = generations.eventsAfter(position);
    if (!continues && next.epoch !== '') yield everything(next);
    for (const event of events) yield eventMessage(event, next.epoch);
    if (continues || next.epoch !== '') position = next;
    if (events.length > 0) continue;
    const restMs = shownAtMs + SIGN_OF_LIFE_MS - now();
    if (restMs > 0) {
      // Nothing was awaited since it was looked for events.
      await generations.changed(restMs, signal);
      continue;
    }
    yield signOfLife(generations);
    shownAtMs = now();
  }
  if (!call.signal.aborted)
    throw new CacheServerError('draining', 'the server stops; another one tells what happens');
}

/** What the watcher has missed is not known: anything may be outdated. */
function everything({ epoch, sequence }: Generation): Message {
  const mode = InvalidationMode.HARD;
  return { epoch, sequence: BigInt(sequence), target: { target: { case: 'all', value: true } }, mode };
}

function eventMessage(event: LogEvent, epoch: string): Message {
  const place = { epoch, sequence: BigInt(event.sequence) };
  if (event.kind === 'invalidation') {
    const mode = event.mode === 'hard' ? InvalidationMode.HARD : InvalidationMode.SOFT;
    return { ...place, target: { target: targetMessage(event.target) }, mode };
  }
  const { dataset, version, formerVersion, changed, removed, namesLeftOut = false } = event.published;
  const published = {
    dataset,
    version,
    formerVersion,
    changed: changed.slice(0, NAMES_MAX),
    removed: removed.slice(0, NAMES_MAX),
    namesLeftOut: namesLeftOut || changed.length > NAMES_MAX || removed.length > NAMES_MAX,
  };
  return { ...place, published };
}

function signOfLife({ position, confirmedMsAgo }: WatchDeps['generations']): Message {
  const { epoch, sequence } = position;
  return {
    epoch,
    sequence: BigInt(sequence),
    confirmedMsAgo: Math.min(Math.floor(confirmedMsAgo), UINT32_MAX),
  };
}
