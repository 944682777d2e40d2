/** Clients in this process that ask servers, or proxies, and check every body against its seal. */
import { Agent } from 'node:http';
import type { PannierClient } from '@pannier/client';
import { curl } from '../fixture/curl.ts';
import { openSealed } from '../fixture/sealed-body.ts';

/** What became of a storm of requests. */
export interface StormReport {
  /** Answers with the body that was asked for. */
  readonly good: number;
  /** Everything else, by what it was: refused connections, bodies that broke off visibly, statuses, broken seals. */
  readonly failures: Readonly<Record<string, number>>;
}

/** One request: of an upstream, for a target. */
export interface StormRequest {
  readonly upstreamUrl: string;
  readonly target: string;
  /** Whom to ask: a client of the SDK, or the URL of a proxy. */
  readonly via: PannierClient | string;
}

async function askOnce({ upstreamUrl, target, via }: StormRequest, agent: Agent): Promise<void> {
  const url = `${upstreamUrl}${target}`;
  if (typeof via === 'string') {
    const { status, body } = await curl(url, via, { agent });
    check(target, status, body);
  } else {
    const response = await via.fetch(url);
    check(target, response.status, Buffer.from(await response.arrayBuffer()));
  }
}

function check(target: string, status: number, body: Buffer): void {
  if (status !== 200) throw new Error(`status ${status}`);
  openSealed(target, body);
}

/** Sends all of them, so many at once, and waits for all answers. Never rejects. */
export async function storm(requests: readonly StormRequest[], atOnce: number): Promise<StormReport> {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const failures: Record<string, number> = {};
  let next = 0;
  let good = 0;
  const client = async (): Promise<void> => {
    for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
      try {
        await askOnce(request, agent);
        good += 1;
      } catch (error) {
        const name = error instanceof Error ? error.message : String(error);
        failures[name] = (failures[name] ?? 0) + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, requests.length) }, client));
  agent.destroy();
  return { good, failures };
}

/** Two storms as one. */
export function joined(one: StormReport, other: StormReport): StormReport {
  const failures = { ...one.failures };
  for (const [name, count] of Object.entries(other.failures)) failures[name] = (failures[name] ?? 0) + count;
  return { good: one.good + other.good, failures };
}
