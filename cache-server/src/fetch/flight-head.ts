/** What the followers of a flight learn when the upstream has answered. */
import { variantValues } from '@pannier/http-semantics';
import type { ForwardReason, HeaderList, Outcome, StoringRefusal } from '@pannier/http-semantics';
import type { FlightBody } from '../flight/flight-body.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';
import type { Manifest } from '../entry/manifest.ts';

/** The first news of a flight. */
export type FlightHead = StoredHeadFound | ResponseArriving | PartArriving | Released;

/** What another server got was for one caller: all who wait here ask for themselves. */
export interface Released {
  readonly kind: 'released';
}

/** The stored entry answers. */
export interface StoredHeadFound {
  readonly kind: 'stored';
  readonly outcome: Extract<Outcome, 'hit' | 'revalidated'>;
  readonly manifest: Manifest;
  /** Whether another server found it for all who wait here. */
  readonly isFollowed?: true;
}

/** A response is arriving. */
export interface ResponseArriving {
  readonly kind: 'arriving';
  readonly outcome: Extract<Outcome, 'miss' | 'refreshed' | 'relay-too-large' | 'hit' | 'revalidated'>;
  /** Why it was asked for, where the outcome does not say it. */
  readonly fwd?: ForwardReason;
  /** What the upstream answered, where that is not the status of the response. */
  readonly fwdStatus?: number;
  readonly head: JudgedHead;
  /** What it was found to vary by beyond its key, and the values that it is for; undefined when it is for all who wait. */
  readonly variant: { readonly names: readonly string[]; readonly values: string } | undefined;
  readonly body: FlightBody;
  /** Whether all who wait may have it; else it is for the request that it was fetched for, even if that one has left. */
  readonly isShared: boolean;
  /** Whether it was fetched beside another flight of the same, for a caller that may not wait for that one. */
  readonly isAlone?: boolean;
  /** Why it is not stored; undefined where it is to be, or where another server knows. */
  readonly refusal?: StoringRefusal | undefined;
  /** Whether another server asked for it. */
  readonly isFollowed?: true;
}

/** A part of a response is arriving, for those who asked for just that; or there is no such part. */
export interface PartArriving extends Omit<ResponseArriving, 'kind' | 'outcome'> {
  readonly kind: 'part';
}

/** Whether a response is one for a request with these headers: https://www.rfc-editor.org/rfc/rfc9111#section-4.1 */
export function isFor({ variant }: Pick<ResponseArriving, 'variant'>, request: HeaderList): boolean {
  return variant === undefined || variantValues(variant.names, request) === variant.values;
}
