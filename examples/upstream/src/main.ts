import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { UpstreamError } from './errors.ts';
import { numberField } from './input-fields.ts';
import { startUpstream, type Upstream, type UpstreamOptions } from './start-upstream.ts';

const usage = `usage: node examples/upstream/src/main.ts [--port 7099] [--host 127.0.0.1] [--cities FILE] [--key PEM --cert PEM]`;

async function readOptions(args: string[]): Promise<UpstreamOptions> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: { port: text, host: text, cities: text, key: text, cert: text },
  });
  const { port = '7099', host, cities, key, cert } = values;
  if ((key === undefined) !== (cert === undefined)) {
    throw new UpstreamError('bad-request', '--key and --cert go together');
  }
  return {
    port: numberField('--port', port, { min: 0, max: 65_535 }),
    ...(host === undefined ? {} : { host }),
    ...(cities === undefined ? {} : { citiesPath: cities }),
    ...(key === undefined || cert === undefined
      ? {}
      : { tls: { key: await readFile(key), cert: await readFile(cert) } }),
  };
}

function closeOnSignals(upstream: Upstream): void {
  // The second signal finds no listener and ends the process at once.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void upstream.close());
}

/** Ends with one line on stderr: exit code 2 for what cannot be meant, 1 for what does not work here and now. */
function fail(error: unknown, exitCode: 1 | 2): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = exitCode;
}

async function main(args: string[]): Promise<void> {
  let options: UpstreamOptions;
  try {
    options = await readOptions(args);
  } catch (error) {
    fail(error, 2);
    process.stderr.write(`${usage}\n`);
    return;
  }
  try {
    const upstream = await startUpstream(options);
    process.stdout.write(`listening on ${upstream.url}\n`);
    closeOnSignals(upstream);
  } catch (error) {
    fail(error, 1);
  }
}

await main(process.argv.slice(2));
