/** Many commands at once in a cluster: each goes to the node of its slot by itself, and follows it when the slot has moved. */
import type { ChainableCommander } from 'ioredis';
import type { RedisCommands } from './redis-client.ts';

type Call = readonly [name: string, args: readonly unknown[]];

/** Notes what a pipeline is filled with. Bytes are copied, since a node that connects gets them later. */
export function recordCalls(fill: (pipeline: ChainableCommander) => void): Call[] {
  const calls: Call[] = [];
  const recorder: object = new Proxy(
    {},
    {
      get: (_target, name) => {
        return (...args: unknown[]) => {
          calls.push([String(name), args.map((arg) => (Buffer.isBuffer(arg) ? Buffer.from(arg) : arg))]);
          return recorder;
        };
      },
    },
  );
  fill(recorder as ChainableCommander);
  return calls;
}

/** Sends them all, and answers their replies in order; rejects with the first error. */
export async function sendCalls(client: RedisCommands, calls: readonly Call[]): Promise<unknown[]> {
  const commands = client as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
  return await Promise.all(calls.map(async ([name, args]) => await commands[name]?.(...args)));
}
