/** For tests: servers and transports that end with the test that made them. */
import { PannierError } from '../errors.ts';
import { createTransport } from './create-transport.ts';
import type { LookupRequest } from './lookup-answer.ts';
import { startScriptedServer } from './scripted-server.fixture.ts';
import type { ScriptedServer, ServerScript } from './scripted-server.fixture.ts';
import type { ResolveName } from './server-directory.ts';
import { rankServers } from './server-ranking.ts';
import type { Transport, TransportOptions } from './transport.ts';

const endings: (() => void)[] = [];

/** Ends everything; for `afterEach`. */
export function endAll(): void {
  for (const end of endings.splice(0)) end();
}

/** Ends something when the test is over. */
export function endWithTest(end: () => void): void {
  endings.push(end);
}

/** A running server. */
export async function serve(script: ServerScript, port?: number): Promise<ScriptedServer> {
  const server = await startScriptedServer(script, port);
  endings.push(() => server.kill());
  return server;
}

/** A transport to these servers. */
export function connectTo(
  servers: readonly string[],
  options: Partial<TransportOptions> = {},
  resolve?: ResolveName,
): Transport {
  const transport = createTransport({ servers, ...options }, resolve);
  endings.push(() => transport.close());
  return transport;
}

/** A request. */
export function get(url: string, headers: LookupRequest['headers'] = []): LookupRequest {
  return { method: 'GET', url, headers };
}

/** The code of the PannierError that a promise rejects with, else what else became of it. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no failure';
  } catch (error) {
    return error instanceof PannierError ? error.code : String(error);
  }
}

/** A URL for which `first` is asked before the others. */
export function urlForFirst(first: ScriptedServer, others: readonly ScriptedServer[]): string {
  const places = [first, ...others].map(({ address }) => ({ server: address }));
  for (let i = 0; ; i += 1) {
    const url = `http://api.example/${i}`;
    if (rankServers(places, url)[0]?.server === first.address) return url;
  }
}
