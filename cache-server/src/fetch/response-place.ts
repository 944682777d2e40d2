/** Where a response that is arriving will be found. */
import type { EntryContext } from '../entry/entry-context.ts';
import { variantKey } from '../entry/entry-key.ts';
import type { EntryKey } from '../entry/entry-key.ts';
import type { FetchTask } from './fetch-task.ts';
import type { FlightHead, ResponseArriving } from './flight-head.ts';
import type { Flight } from '../flight/flight.ts';

type Variant = ResponseArriving['variant'];

/** The key of a response that was found to vary by this. */
export function placeOf(task: FetchTask, variant: Variant): EntryKey {
  return variant === undefined ? task.entryKey : variantKey(task.key, variant.values);
}

/** What a flight has turned out to bring. */
interface Placing {
  readonly variant: Variant;
  readonly isShared: boolean;
  readonly context: EntryContext;
  /** The flight's key, made of that of the response; the same by default. */
  readonly keyOf?: (key: EntryKey) => EntryKey;
}

/** Makes the flight known under the key of what it brings, if that is for all who ask. @returns the key of the response */
export function placeFlight(
  task: FetchTask,
  flight: Flight<FlightHead>,
  { variant, isShared, context, keyOf = (key) => key }: Placing,
): EntryKey {
  const key = placeOf(task, isShared ? variant : undefined);
  flight.publishesAs = keyOf(key);
  if (!isShared) return key;
  // Remembered at once, so that those it is not for ask anew in the right way.
  if (variant !== undefined) context.varyNames.set(task.key.text, variant.names);
  context.flights.joinAlsoBy(flight, flight.publishesAs);
  return key;
}
