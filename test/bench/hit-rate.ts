/** What one hit takes: requests over connections that stay open, each client one after the other. */
import { Agent, request } from 'node:http';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';

/** Whom to ask, and for how long. */
export interface HitOrder {
  /** Asked in turns. */
  readonly urls: readonly string[];
  readonly proxyUrl: string | undefined;
  readonly clients: number;
  readonly durationMs: number;
}

/** What came of it. */
export interface HitReport {
  readonly waitsMs: readonly number[];
  readonly perS: number;
  /** Answers by the last part of their Cache-Status: `pannier-proxy; hit` and the like. */
  readonly outcomes: Readonly<Record<string, number>>;
}

async function ask(url: string, proxyUrl: string | undefined, agent: Agent): Promise<string> {
  const target = new URL(url);
  const via = proxyUrl === undefined ? target : new URL(proxyUrl);
  const path = proxyUrl === undefined ? `${target.pathname}${target.search}` : url;
  const sent = request({ host: via.hostname, port: via.port, path, headers: { host: target.host }, agent });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`${url}: status ${response.statusCode}`);
  response.resume();
  await once(response, 'end');
  return outcomeOf(response.headers['cache-status']?.toString() ?? '');
}

/** Who had it: the last of the caches that says hit. */
function outcomeOf(cacheStatus: string): string {
  const hits = cacheStatus.split(',').filter((part) => part.includes('; hit'));
  return hits.at(-1)?.split(';')[0]?.trim() ?? 'nobody';
}

/** Asks for so long, and measures each answer from the request to its last byte. */
export async function measureHits({ urls, proxyUrl, clients, durationMs }: HitOrder): Promise<HitReport> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const waitsMs: number[] = [];
  const outcomes: Record<string, number> = {};
  let turn = 0;
  const startedMs = performance.now();
  const client = async (): Promise<void> => {
    while (performance.now() - startedMs < durationMs) {
      turn += 1;
      const askedMs = performance.now();
      const outcome = await ask(urls[turn % urls.length] ?? '', proxyUrl, agent);
      waitsMs.push(performance.now() - askedMs);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const perS = (waitsMs.length / (performance.now() - startedMs)) * 1000;
  agent.destroy();
  return { waitsMs, perS, outcomes };
}
