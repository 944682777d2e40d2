import type { HeaderList } from '@pannier/http-semantics';
import type { UpstreamRoute } from './upstream-route.ts';

/** A client's request whose target is known: what every later step works on. */
export interface ProxiedRequest {
  readonly method: string;
  /** Absolute URL as the client wrote it; of a reverse route, the URL that it stands for. */
  readonly url: string;
  /** End-to-end headers in wire order, `Host` that of the target. Without our `Via`, which each way upstream adds. */
  readonly headers: HeaderList;
  /** `HTTP/1.0` or `1.1`, for `Via`. */
  readonly httpVersion: string;
  /** Where and how the upstream is reached when we ask it ourselves. */
  readonly route: UpstreamRoute;
}
