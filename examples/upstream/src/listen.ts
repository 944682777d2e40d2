import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { UpstreamError } from './errors.ts';

/** A burst of a few thousand cold clients must not find the queue of the kernel full. */
const backlog = 4096;

/**
 * Listens and tells the port that it came to be.
 * @throws UpstreamError `port-busy`, or `listen-failed` for any other reason
 */
export async function listen(
  server: Server,
  { port, host, flag }: { port: number; host: string; flag: string },
): Promise<number> {
  server.listen({ port, host, backlog });
  try {
    await once(server, 'listening');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    if (code === 'EADDRINUSE') {
      throw new UpstreamError('port-busy', `port ${port} on ${host} is in use; choose another with ${flag}`, {
        cause,
      });
    }
    throw new UpstreamError('listen-failed', `cannot listen on ${host}:${port}: ${code}`, { cause });
  }
  return (server.address() as AddressInfo).port;
}
