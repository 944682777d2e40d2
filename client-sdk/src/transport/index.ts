/** The one gRPC client of the project: lookups, bodies and calls over a set of cache servers, and the near cache before them. */
export { PannierError } from '../errors.ts';
export type { PannierErrorCode } from '../errors.ts';
export { createNearCache } from '../near-cache.ts';
export type { NearCache, NearCacheOptions, NearEntry, NearMoment } from '../near-cache.ts';
export { BackOff } from './back-off.ts';
export { processBudget } from './buffer-budget.ts';
export { decodeAhead } from './decode-ahead.ts';
export { decodeStored, storedBytes } from './stored-content.ts';
export { createTransport } from './create-transport.ts';
export type {
  LookupAnswer,
  LookupBody,
  LookupBypass,
  LookupRequest,
  LookupResponse,
} from './lookup-answer.ts';
export type {
  CallLimits,
  ServerState,
  StreamLimits,
  StreamServer,
  Transport,
  TransportEvent,
  TransportOptions,
} from './transport.ts';
export type { WatchListener, WatchNews } from './watch-news.ts';
export { invalidateUrls } from '../invalidate.ts';
export { outdateUrls } from '../outdate-urls.ts';
