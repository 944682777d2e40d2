/** What `npm start` tells a person. */
import { setTimeout as delay } from 'node:timers/promises';
import type { RunningCacheServer } from '@pannier/cache-server';
import { PortBusyError } from '@pannier/runtime';

/** What is up, and what to say besides. */
export interface Started {
  readonly ports: { readonly proxy: number; readonly server: number };
  readonly upstreamUrl: string;
  /** '' when all is well. */
  readonly notice: string;
}

/** The lines after the start. */
export function whatToTry({ ports, upstreamUrl, notice }: Started): string {
  const server = ports.server === 7070 ? '' : ` --server 127.0.0.1:${ports.server}`;
  return `
Pannier is up. Callers are believed to be who they say they are (auth: none).${notice}

  demo upstream  ${upstreamUrl}   proxy  http://127.0.0.1:${ports.proxy}   cache server  127.0.0.1:${ports.server} (gRPC)

Three commands worth trying:

  curl -sD- -o /dev/null -x http://127.0.0.1:${ports.proxy} ${upstreamUrl}/cities.json     # twice: the second is a hit
  npm run -s pannier -- dataset read cities --where country=CZ${server}     # one country of it, as records
  curl -s ${upstreamUrl}/__stats     # what the upstream saw
`;
}

/** Says of a busy port which flag of the all-in-one moves it: the parts know only their own flags. */
export function ownFlags(flag: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof PortBusyError)) throw error;
    const line = error.message.replace(
      /--(admin-)?port or [\w.]+/,
      (_flags, admin: string | undefined) =>
        `${flag}${admin === undefined ? '' : ' (the admin port is one more)'}`,
    );
    throw new PortBusyError(line, { cause: error });
  };
}

const REDIS_PATIENCE_MS = 2000;
const REDIS_RETRY_MS = 50;

/** A line about a Redis that does not answer, which is no reason not to start. */
export async function storeNotice(store: RunningCacheServer['store']): Promise<string> {
  if (store.kind !== 'redis') return '';
  const untilMs = performance.now() + REDIS_PATIENCE_MS;
  while (performance.now() < untilMs) {
    if (await answers(store)) return '';
    await delay(REDIS_RETRY_MS);
  }
  return `
But Redis does not answer: nothing is kept until it does, and every request is fetched from its upstream.`;
}

async function answers(store: RunningCacheServer['store']): Promise<boolean> {
  return await store.readManifest('start').then(
    () => true,
    () => false,
  );
}
