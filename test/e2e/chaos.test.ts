/** The short form; `npm run chaos -- --full` kills 300 times. */
import { expect, it } from 'vitest';
import { runChaos } from '../chaos/chaos-run.ts';

const KILLS = 15;
/** Bounded, since whoever is killed comes back within seconds. */
const TIMEOUT_MS = 180_000;

it(
  'however servers, Redis and connections are killed, no body is wrong at a client or in the store',
  async () => {
    const seed = Math.trunc(Math.random() * 2 ** 31);
    const log = [`seed ${seed}: npm run chaos -- --seed ${seed} --kills ${KILLS}`];
    const { load, stored } = await runChaos({ kills: KILLS, seed, progress: (line) => void log.push(line) });
    const story = log.join('\n');
    expect(load.wrong, story).toEqual([]);
    expect(stored.wrong, story).toEqual([]);
    expect(load.good, story).toBeGreaterThan(0);
    expect(stored.good, story).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
