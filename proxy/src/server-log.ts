import type { TransportEvent } from '@pannier/client/transport';
import type { Config, Logger } from '@pannier/runtime';

/**
 * Logs what happens to the cache servers. That one is lost, and that it is back, is said once each: it is tried again every few
 * seconds, and the proxy goes on without it. All the rest is for debugging.
 *
 * @param onLost what callers get while no server answers, such as `direct`
 */
export function logServers(logger: Logger, onLost: string): (event: TransportEvent) => void {
  const lost = new Set<string>();
  return (event) => {
    const { kind, server } = event;
    if (kind === 'server-down' && !lost.has(server)) {
      lost.add(server);
      logger.warn({ server, reason: event.reason, fallback: onLost }, 'a cache server does not answer');
    } else if (kind === 'server-up' && lost.delete(server)) {
      logger.info({ server }, 'the cache server answers again');
    } else logger.debug(event, 'transport');
  };
}

/** What callers get while no server answers, upstreams with a fallback of their own included: `direct (geo: limited)`. */
export function describeFallback({ proxy, upstreams }: Pick<Config, 'proxy' | 'upstreams'>): string {
  const own = Object.entries(upstreams).flatMap(([name, { fallback = proxy.fallback }]) =>
    fallback === proxy.fallback ? [] : [`${name}: ${fallback}`],
  );
  return own.length === 0 ? proxy.fallback : `${proxy.fallback} (${own.join(', ')})`;
}
