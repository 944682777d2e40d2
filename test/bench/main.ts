/** `npm run bench -- NAME [--json] [--full] [--clients N]`: one performance table. It exits with 1 when a promise was broken or a figure is missing. */
import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';
import { machine } from './bench.ts';
import { clusterBench } from './cluster.ts';
import { herdBench } from './herd.ts';
import { ingestBench } from './ingest.ts';
import { partitionBench } from './partition.ts';
import { streamBench } from './stream.ts';
import { tiersBench } from './tiers.ts';
import { complaints } from './verdict.ts';

const BENCHES: Readonly<Record<string, Bench>> = {
  stream: streamBench,
  partition: partitionBench,
  ingest: ingestBench,
  herd: herdBench,
  cluster: clusterBench,
  tiers: tiersBench,
};

const { values, positionals } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    clients: { type: 'string' },
  },
  allowPositionals: true,
});
const [name = ''] = positionals;
const bench = BENCHES[name];
if (bench === undefined) {
  process.stderr.write(
    `bench: ${name === '' ? 'no name' : `unknown: ${name}`}; known are: ${Object.keys(BENCHES).join(', ')}\n`,
  );
  process.exit(2);
}
const clients = values.clients === undefined ? undefined : Number(values.clients);
if (clients !== undefined && !(Number.isSafeInteger(clients) && clients > 0)) {
  process.stderr.write(`bench: --clients ${values.clients} is no number of clients\n`);
  process.exit(2);
}
const flags = [values.full ? ' --full' : '', clients === undefined ? '' : ` --clients ${clients}`];
const command = `npm run bench -- ${name}${flags.join('')}`;
const result = await bench({
  full: values.full,
  clients,
  progress: (line) => void process.stderr.write(`  ${line}\n`),
});
const { figures, table } = result;
const wrong = complaints(result);
if (values.json)
  process.stdout.write(`${JSON.stringify({ name, command, machine: machine(), figures, wrong })}\n`);
else process.stdout.write(`${command}\n${machine()}\n\n${table.join('\n')}\n`);
for (const line of wrong) process.stderr.write(`bench ${name}: ${line}\n`);
process.exit(wrong.length === 0 ? 0 : 1);
