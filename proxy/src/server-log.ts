import type { TransportEvent } from '@pannier/client/transport';
import type { Logger } from '@pannier/runtime';

/**
 * Logs what happens to the cache servers. That one is lost, and that it is back, is said once each: it is tried again every few
 * seconds, and the proxy goes on without it. All the rest is for debugging.
 *
 * @param onLost what callers get meanwhile, such as `direct`
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
