import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../fixture/eventually.ts';
import { startStack } from '../proxy-stack.ts';
import type { ProxyStack } from '../proxy-stack.ts';
import { CHUNK_PAYLOADS } from './chunk-payloads.ts';
import { approach, fire } from './fired-payload.ts';
import type { Aftermath } from './fired-payload.ts';
import { LENGTH_PAYLOADS } from './length-payloads.ts';
import { LINE_PAYLOADS } from './line-payloads.ts';
import { head, spell } from './payload.ts';
import type { FramingPayload } from './payload.ts';
import { startRecordingUpstream } from './recording-upstream.ts';
import type { RecordingUpstream } from './recording-upstream.ts';
import { START_PAYLOADS } from './start-payloads.ts';
import { startUndefendedProxy } from './undefended-proxy.ts';

const FAMILIES: Readonly<Record<string, readonly FramingPayload[]>> = {
  lengths: LENGTH_PAYLOADS,
  chunks: CHUNK_PAYLOADS,
  'field lines': LINE_PAYLOADS,
  'request lines and takeovers': START_PAYLOADS,
};
const DOORS = ['forward', 'route', 'tunnel'] as const;
type Door = (typeof DOORS)[number];

/** Inside a CONNECT anything else is no HTTP, and tunnelled unread to an upstream that the client speaks to by itself. */
const HTTP_IN_TUNNEL = /^[A-Z]+ \{t\}\/[!-~]* HTTP\/1\.[01]\r?\n/;
/** Only how long a test may hang before it fails. */
const PATIENCE_MS = 20_000;
const ANSWERS = { refused: 2, ends: 2, body: 1, pipelined: 2 };

let upstream: RecordingUpstream;
let stack: ProxyStack;
let fired = 0;
beforeAll(async () => {
  upstream = await startRecordingUpstream();
  stack = await startStack((url) => ({
    upstreams: { demo: { url } },
    proxy: { routes: { '/r': upstream.url } },
  }));
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

interface Shot {
  readonly payload: FramingPayload;
  readonly canary: string;
  readonly aftermath: Aftermath;
}

function aimOf(door: Door): { target: string; host: string; tunnelTo?: string } {
  if (door === 'route') return { target: '/r', host: '127.0.0.1' };
  const { url, host } = upstream;
  return door === 'forward' ? { target: url, host } : { target: '', host, tunnelTo: host };
}

async function shoot(payload: FramingPayload, door: Door, port: number): Promise<Shot> {
  const { tunnelTo, ...aim } = aimOf(door);
  const canary = `/canary/${(fired += 1)}/`;
  const socket = await approach(port);
  // In one piece: a tunnel whose client is silent for a while is opened unread.
  const opening = tunnelTo === undefined ? '' : `CONNECT ${tunnelTo} HTTP/1.1\r\nHost: ${tunnelTo}\r\n\r\n`;
  const aftermath = await fire(socket, opening + spell(payload, { ...aim, canary }), {
    answers: ANSWERS[payload.outcome],
    stop: AbortSignal.timeout(PATIENCE_MS),
  });
  return { payload, canary, aftermath };
}

/** What a shot did that it must not, '' for nothing. */
function fault({ payload: { outcome, statuses }, canary, aftermath }: Shot): string {
  const seen = upstream.hasSeen(canary);
  if (seen !== (outcome === 'pipelined')) return seen ? 'the canary got through' : 'a good request was lost';
  const foreign = aftermath.statuses.filter((status) => !statuses.includes(status));
  if (foreign.length > 0) return `answered ${aftermath.statuses.join()}`;
  if (outcome === 'refused') {
    if (!aftermath.ended) return 'the connection stays open';
    return aftermath.statuses.length > 1 ? 'answered more than once' : '';
  }
  if (outcome === 'ends') return aftermath.ended && aftermath.statuses.length === 1 ? '' : 'does not end';
  if (aftermath.statuses.length !== ANSWERS[outcome]) return 'unanswered';
  const arrived = upstream
    .connections()
    .flat()
    .some(({ body }) => body.includes(canary));
  return arrived === (outcome === 'body') ? '' : 'the body is not what was sent';
}

it('the list has eighty payloads and more, each with a name of its own', () => {
  const names = Object.values(FAMILIES).flatMap((payloads) => payloads.map(({ name }) => name));
  expect(names.length).toBeGreaterThanOrEqual(80);
  expect(new Set(names).size).toBe(names.length);
});

describe.each(DOORS)('through the %s door', (door) => {
  it.each(Object.keys(FAMILIES))('no canary behind payloads of %s arrives as a request', async (family) => {
    const payloads = (FAMILIES[family] ?? []).filter(
      ({ bytes }) => door !== 'tunnel' || HTTP_IN_TUNNEL.test(bytes),
    );
    const shots = await Promise.all(payloads.map((payload) => shoot(payload, door, stack.proxyPort)));
    // Behind all of them: a canary that is still on its way arrives before this.
    const { target, host } = aimOf('forward');
    const last = spell(
      { name: 'last', bytes: `${head('GET {t}/last')}{canary}`, outcome: 'pipelined', statuses: [200] },
      { target, host, canary: '/end' },
    );
    await fire(await approach(stack.proxyPort), last, { answers: 2 });
    expect(payloads.length).toBeGreaterThan(0);
    const faults = shots.map((shot) => [shot.payload.name, fault(shot)]);
    expect(faults.filter(([, what]) => what !== '')).toEqual([]);
  });
});

it('without the defence canaries of every family get through, so this list can fail', async () => {
  await using undefended = await startUndefendedProxy();
  const canaries = new Map<string, string[]>();
  const shots: Promise<unknown>[] = [];
  const done = new AbortController();
  for (const [family, payloads] of Object.entries(FAMILIES)) {
    const paths: string[] = [];
    canaries.set(family, paths);
    for (const payload of payloads.filter(({ outcome }) => outcome === 'refused')) {
      const canary = `/canary/${(fired += 1)}/`;
      paths.push(canary);
      const bytes = spell(payload, { ...aimOf('forward'), canary });
      const socket = await approach(undefended.port);
      shots.push(fire(socket, bytes, { answers: Infinity, stop: done.signal }));
    }
  }
  await eventually(() => {
    for (const [family, paths] of canaries)
      expect(paths.filter(upstream.hasSeen).length, family).toBeGreaterThanOrEqual(4);
    expect([...canaries.values()].flat().filter(upstream.hasSeen).length).toBeGreaterThanOrEqual(40);
  });
  done.abort();
  await Promise.all(shots);
});
