/** What the followers of a flight learn when the upstream has answered. */
import type { Outcome } from '@pannier/http-semantics';
import type { FlightBody } from './flight/flight-body.ts';
import type { JudgedHead } from './freshness/entry-freshness.ts';
import type { Manifest } from './manifest.ts';

/** The first news of a flight. */
export type FlightHead = StoredHeadFound | ResponseArriving;

/** The stored entry answers. */
export interface StoredHeadFound {
  readonly kind: 'stored';
  readonly outcome: Extract<Outcome, 'hit' | 'revalidated'>;
  readonly manifest: Manifest;
}

/** A response is arriving. */
export interface ResponseArriving {
  readonly kind: 'arriving';
  readonly outcome: Extract<Outcome, 'miss' | 'refreshed' | 'relay-too-large'>;
  readonly head: JudgedHead;
  readonly body: FlightBody;
  /** True once, for the one follower of a response that nobody else may have; always true when it is shared. */
  claim(): boolean;
}
