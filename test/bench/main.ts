/** `npm run bench -- NAME [--json] [--full]`: one performance table. */
import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';
import { machine } from './bench.ts';
import { ingestBench } from './ingest.ts';
import { partitionBench } from './partition.ts';
import { streamBench } from './stream.ts';

const BENCHES: Readonly<Record<string, Bench>> = {
  stream: streamBench,
  partition: partitionBench,
  ingest: ingestBench,
};

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false }, full: { type: 'boolean', default: false } },
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
const command = `npm run bench -- ${name}${values.full ? ' --full' : ''}`;
const { figures, table } = await bench({
  full: values.full,
  progress: (line) => void process.stderr.write(`  ${line}\n`),
});
if (values.json) process.stdout.write(`${JSON.stringify({ name, command, machine: machine(), figures })}\n`);
else process.stdout.write(`${command}\n${machine()}\n\n${table.join('\n')}\n`);
process.exit(Object.values(figures).includes(null) ? 1 : 0);
