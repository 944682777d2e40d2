/** The conformance profile: how Pannier is configured for the suite. What it changes of the defaults is what the suite asks of every cache. */
import type { ConfigInput } from '@pannier/runtime';

/** @param originUrl the suite's origin */
export function conformanceProfile(originUrl: string): ConfigInput {
  return {
    upstreams: {
      suite: {
        url: originUrl,
        // Its origin tells its tests apart by request headers of its own.
        forwardHeaders: ['*'],
        setCookie: 'rfc',
        credentials: 'rfc',
        closeDelimited: 'rfc',
      },
    },
    // The suite's paths are its own, so the whole proxy stands for it.
    proxy: { routes: { '/': originUrl } },
    // A server that compiles while a hundred requests wait is no dead one: the proxy would ask the origin a second time, which the suite counts.
    limits: { ackTimeoutMs: '15s' },
  };
}
