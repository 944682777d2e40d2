/** The short form; `npm run chaos -- --full` kills 300 times. */
import { expect, it, onTestFailed } from 'vitest';
import { runChaos } from '../chaos/chaos-run.ts';

const KILLS = 15;
/** Bounded, since whoever is killed comes back: within seconds, or a quarter of a minute where a machine is busy with other things. */
const TIMEOUT_MS = 600_000;

it(
  'however servers, Redis and connections are killed, no body is wrong at a client or in the store',
  async () => {
    const seed = Math.trunc(Math.random() * 2 ** 31);
    const startedMs = performance.now();
    const log = [`seed ${seed}: npm run chaos -- --seed ${seed} --kills ${KILLS}`];
    const progress = (line: string): void =>
      void log.push(`${((performance.now() - startedMs) / 1000).toFixed(1)} s  ${line}`);
    // Also when it takes too long.
    onTestFailed(() => console.error(log.join('\n')));
    const { load, stored } = await runChaos({ kills: KILLS, seed, progress });
    expect(load.wrong).toEqual([]);
    expect(stored.wrong).toEqual([]);
    expect(load.good).toBeGreaterThan(0);
    expect(stored.good).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
