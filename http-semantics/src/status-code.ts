/** Without 206, which is no whole response: https://www.rfc-editor.org/rfc/rfc9110#section-15.1 */
const HEURISTICALLY_CACHEABLE: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501,
]);

/** The final statuses of https://www.rfc-editor.org/rfc/rfc9110#section-15 that ask nothing more of a cache than to repeat them. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  ...HEURISTICALLY_CACHEABLE,
  201,
  202,
  205,
  302,
  303,
  307,
  400,
  401,
  402,
  403,
  406,
  407,
  408,
  409,
  411,
  413,
  415,
  417,
  421,
  422,
  426,
  500,
  502,
  503,
  504,
  505,
]);

/** Precondition required, too many requests, request head too large, network login required: https://www.rfc-editor.org/rfc/rfc6585 */
const NEVER_STORED: ReadonlySet<number> = new Set([428, 429, 431, 511]);

/** Whether a response with this status must not be stored, whatever it says. */
export function isNeverStored(status: number): boolean {
  return NEVER_STORED.has(status);
}

/** Whether the status alone allows a response to be stored that names no lifetime. */
export function isHeuristicallyCacheable(status: number): boolean {
  return HEURISTICALLY_CACHEABLE.has(status);
}

/** Whether we know what the status asks of a cache: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.3 */
export function isStatusUnderstood(status: number): boolean {
  return UNDERSTOOD.has(status);
}
