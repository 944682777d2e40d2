/**
 * Clients of the SDK, each pinned to one server: a lookup and a stream of its own there, on connections that up to 250 share. They have no near cache, and
 * nothing stands between them and the server that would ask once for several.
 */
import type { PannierClient } from '@pannier/client';
import { pinnedClients } from '../fixture/pinned-clients.ts';
import { ComparedBody } from './compared-body.ts';
import { doorOf } from './herd-order.ts';
import type { Herd, HerdOrder, HerdWait } from './herd-order.ts';

async function ask(
  client: PannierClient,
  { url, deadlineMs }: Pick<HerdOrder, 'url' | 'deadlineMs'>,
  body: Buffer,
): Promise<HerdWait> {
  const compared = new ComparedBody(body);
  const startedMs = performance.now();
  const response = await client.fetch(url, { signal: AbortSignal.timeout(deadlineMs) });
  const headMs = performance.now() - startedMs;
  if (response.status !== 200 || response.body === null) throw new Error(`status ${response.status}`);
  const chunks: AsyncIterable<Uint8Array> = response.body;
  for await (const chunk of chunks) compared.take(chunk);
  const wrong = compared.wrong();
  if (wrong !== undefined) throw new Error(wrong);
  return { headMs, wholeMs: performance.now() - startedMs };
}

/** Connects all of them. */
export async function connectGrpc(order: HerdOrder): Promise<Herd> {
  const { doors, deadlineMs, warmUpUrl } = order;
  const pool = pinnedClients(doors, order.clients, deadlineMs);
  const callers = Array.from({ length: order.clients }, (_, client) =>
    pool.of(doorOf(order, client), Math.floor(client / doors.length)),
  );
  // By this each has both of its connections, one for lookups and one for bodies.
  for (const client of new Set(callers)) {
    const response = await client.fetch(warmUpUrl, { signal: AbortSignal.timeout(deadlineMs) });
    await response.arrayBuffer();
  }
  return {
    clients: callers.map((client) => async (body: Buffer) => await ask(client, order, body)),
    [Symbol.dispose]: () => pool[Symbol.dispose](),
  };
}
