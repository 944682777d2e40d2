/** `node test/conformance/model/main.ts [--full] [--seed N] [--sequences N]`: random sequences against a model of RFC 9111. */
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.ts';

const SHORT = 500;
const FULL = 10_000;
const BAR_CELLS = 30;

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Math.trunc(Math.random() * 2 ** 31)) },
    sequences: { type: 'string' },
  },
});
const seed = Number(values.seed);
const sequences = Number(values.sequences ?? (values.full ? FULL : SHORT));
if (!Number.isInteger(seed) || !Number.isInteger(sequences) || sequences < 1) {
  process.stderr.write('model: --seed and --sequences are whole numbers\n');
  process.exit(2);
}

function showProgress(done: number): void {
  if (!process.stderr.isTTY && done % 500 !== 0) return;
  const cells = Math.min(BAR_CELLS, Math.round((BAR_CELLS * done) / sequences));
  const bar = '#'.repeat(cells).padEnd(BAR_CELLS, '.');
  process.stderr.write(
    `${process.stderr.isTTY ? '\r' : ''}[${bar}] ${done}/${sequences}${process.stderr.isTTY ? '' : '\n'}`,
  );
}

process.stdout.write(`seed ${seed}, ${sequences} sequences\n`);
const beganMs = performance.now();
const campaign = await runCampaign({ seed, sequences, onSequence: showProgress });
const seconds = ((performance.now() - beganMs) / 1000).toFixed(0);
if (process.stderr.isTTY) process.stderr.write('\n');
const { divergence, unrepeated } = campaign;
for (const text of unrepeated) process.stdout.write(`\ndiverged once, and not again:\n${text}\n`);
process.stdout.write(`${campaign.sequences} sequences, ${campaign.requests} requests, ${seconds} s\n`);
if (divergence === undefined) process.stdout.write('no divergence\n');
else {
  process.stdout.write(`\na divergence (seed ${seed}), as short as it goes:\n${divergence}\n`);
  process.exitCode = 1;
}
