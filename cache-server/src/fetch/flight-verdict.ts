/** What invalidations make of a fetch in progress. */
import { entryTags } from '@pannier/proto/generation';
import type { Generation, Verdict } from '@pannier/proto/generation';
import type { EntryContext } from '../entry/entry-context.ts';
import type { EntryKey } from '../entry/entry-key.ts';
import type { FlightHead } from './flight-head.ts';
import type { Flight } from '../flight/flight.ts';

type Context = Pick<EntryContext, 'generations' | 'clock'>;
type AskingFlight = Pick<Flight<unknown>, 'captured' | 'tags'>;

/** How old a flight may be while it is not known what was invalidated since it began, in milliseconds. */
const UNCONFIRMED_MS_MAX = 1000;

/** What is known to have been invalidated since the flight asked; one that has not asked yet is valid. */
export function flightVerdict(
  { scope, url, text }: EntryKey,
  { captured, tags }: AskingFlight,
  { generations }: Context,
): Verdict {
  if (captured === undefined) return 'valid';
  const targets = { key: text, scope, tags, ...(url === undefined ? {} : { url }) };
  return generations.known(captured.generation, () => targets);
}

/** Whether whoever asks now must not get what the flight brings: it may be from before an invalidation that was acknowledged. */
export function isOutdated(
  flight: AskingFlight & Pick<Flight<unknown>, 'key' | 'publishesAs'>,
  context: Context,
): boolean {
  const { captured, key, publishesAs } = flight;
  if (captured === undefined) return false;
  const isKnown = context.generations.confirmedMsAgo <= UNCONFIRMED_MS_MAX;
  if (!isKnown && context.clock.now() - captured.atMs > UNCONFIRMED_MS_MAX) return true;
  return [key, publishesAs].some((one) => flightVerdict(one, flight, context) !== 'valid');
}

/** Whether what a flight brings was invalidated before somebody joined it, as its head tells. */
export function isFromBefore(
  joinedAt: Generation,
  { head, flight }: { head: FlightHead; flight: AskingFlight & Pick<Flight<unknown>, 'publishesAs'> },
  { generations }: Context,
): boolean {
  const manifest = head.kind === 'stored' ? head.manifest : undefined;
  const asked =
    manifest === undefined ? flight.captured?.generation : (manifest.judgedAt ?? manifest.generation);
  if (asked === undefined || (asked.epoch === joinedAt.epoch && asked.sequence >= joinedAt.sequence))
    return false;
  const { scope, text, url = '' } = flight.publishesAs;
  const tags = manifest === undefined ? flight.tags : entryTags(manifest.headers);
  return generations.known(asked, () => ({ key: text, scope, url, tags })) !== 'valid';
}
