/** What an operator may decide for one upstream. Plain data: it is stored in manifests. */
export interface CachePolicy {
  /**
   * `never`: no answer to a request with a credential is shared. `rfc`: one is, where it says `public`, `s-maxage` or
   * `must-revalidate`.
   * `keyed`: what answers a request with credentials is stored for those alone who send the same ones, `private` or not.
   * https://www.rfc-editor.org/rfc/rfc9111#section-3.5
   */
  readonly credentials: 'never' | 'rfc' | 'keyed';
  /** `never-share`: a response with Set-Cookie is not stored. `rfc`: it is as any other. https://www.rfc-editor.org/rfc/rfc9111#section-7.3 */
  readonly setCookie: 'never-share' | 'rfc';
  /**
   * Seconds from arrival, instead of whatever lifetime the response names. Only for statuses below 400, lest an error stick;
   * never against `no-store`, `private` or `no-cache`.
   */
  readonly forcedTtlS: number | undefined;
  /** Seconds that a named lifetime lasts at least; only for statuses below 400. */
  readonly minTtlS: number;
  /** Seconds from arrival where the response names no lifetime and no heuristic applies; only for heuristically cacheable statuses below 400. */
  readonly defaultTtlS: number | undefined;
  /** Share of Date minus Last-Modified that counts as lifetime where none is named; 0 switches it off. https://www.rfc-editor.org/rfc/rfc9111#section-4.2.2 */
  readonly heuristicShare: number;
  /** Seconds that the heuristic gives at most. */
  readonly heuristicTtlMaxS: number;
  /** Seconds from arrival by status, such as `{ '404': 10 }`, where the response names no lifetime. */
  readonly negativeTtlS: Readonly<Record<string, number>>;
  /** Seconds after expiry that a response may stand in for an error, where it neither forbids it nor names a time itself. */
  readonly staleIfErrorS: number;
  /**
   * What to make of an Age that cannot be read or was sent twice. `stale`: the response is never fresh, only revalidated. `rfc`: its
   * first member counts, and one that is no number is ignored. https://www.rfc-editor.org/rfc/rfc9111#section-5.1
   */
  readonly doubtfulAge: 'stale' | 'rfc';
}

/** The cautious choice everywhere; nothing is stored for longer than the upstream would expect. */
export const DEFAULT_POLICY: CachePolicy = {
  credentials: 'never',
  setCookie: 'never-share',
  forcedTtlS: undefined,
  minTtlS: 0,
  defaultTtlS: undefined,
  heuristicShare: 0.1,
  heuristicTtlMaxS: 3600,
  negativeTtlS: {},
  staleIfErrorS: 0,
  doubtfulAge: 'stale',
};
