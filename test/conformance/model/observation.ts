/** What was seen of one request: what the client sent and got, and what the origin was asked meanwhile. */
import type { Asking } from './presented.ts';
import type { Exchange } from './scripted-origin.ts';
import type { RequestControl, Selection } from './wire-head.ts';

/** One request; times in milliseconds on the stepped clock. */
export interface Observation {
  readonly path: string;
  readonly asking: Asking;
  readonly control: RequestControl;
  readonly selection: Selection;
  readonly hasCredentials: boolean;
  readonly sentAt: number;
  readonly answeredAt: number;
  /** In order, those behind the answer included. */
  readonly exchanges: readonly Exchange[];
  /** `broken` for a connection that ended without a whole response. */
  readonly response: 'broken' | SeenResponse;
}

/** A response as the client got it; names in lower case. */
export interface SeenResponse {
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly body: string;
}
