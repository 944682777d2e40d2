/** Where a part was asked for, the whole is fetched behind the answer if it is small: then the other parts are hits. */
import { refreshBehind } from '../entry/answer-from-flight.ts';
import type { FlightRequest } from '../entry/answer-from-flight.ts';
import type { EntryContext } from '../entry/entry-context.ts';

/** Begins a fetch of the whole, or puts it together where all its parts have come. Once in a while, whether that works or not. */
export function fillBehind(wanted: Omit<FlightRequest, 'need'>, context: EntryContext): void {
  const { key, plan } = wanted.asked;
  // What comes for somebody's credentials is seldom for others.
  if (plan.isPersonal || context.filled.has(key.text)) return;
  context.filled.set(key.text, true);
  refreshBehind(wanted, context);
}
