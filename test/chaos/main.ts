/**
 * `node test/chaos/main.ts [--full] [--kills N] [--seed N]`: random kills of servers, Redis and connections under load. The seed decides victims, their
 * order and all pauses. Exits 1 when a wrong body passed for whole, anywhere.
 */
import { parseArgs } from 'node:util';
import { runChaos } from './chaos-run.ts';

const SHORT = 15;
const FULL = 300;

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    kills: { type: 'string' },
    seed: { type: 'string', default: String(Math.trunc(Math.random() * 2 ** 31)) },
  },
});
const seed = Number(values.seed);
const kills = Number(values.kills ?? (values.full ? FULL : SHORT));
if (!Number.isInteger(seed) || !Number.isInteger(kills) || kills < 1) {
  process.stderr.write('chaos: --seed and --kills are whole numbers\n');
  process.exit(2);
}
process.stdout.write(`seed ${seed}, ${kills} kills\n`);
const startedMs = performance.now();
const { load, stored, victims } = await runChaos({
  kills,
  seed,
  progress: (line) => {
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    process.stdout.write(`${seconds.padStart(7)} s  ${line}\n`);
  },
});
const wrong = [...load.wrong, ...stored.wrong];
const lines = [
  '',
  ...Object.entries(victims).map(([name, count]) => `${String(count).padStart(4)} x ${name}`),
  '',
  `clients: ${load.good} right answers, ${load.wrong.length} wrong ones; visibly broken off or refused:`,
  ...Object.entries(load.failures).map(([what, count]) => `${String(count).padStart(4)} x ${what}`),
  `stored: ${stored.entries} entries, read ${stored.good} times right, ${stored.wrong.length} times wrong, ${stored.notGiven} times not given`,
  ...wrong,
  wrong.length === 0 ? 'no wrong byte' : `again: node test/chaos/main.ts --seed ${seed} --kills ${kills}`,
];
process.stdout.write(`${lines.join('\n')}\n`);
process.exitCode = wrong.length === 0 ? 0 : 1;
