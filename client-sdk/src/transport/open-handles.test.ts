import { spawn } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { ticketResponse, wholeResponse } from './scripted-server.fixture.ts';
import { endAll, serve } from './scripted-test.fixture.ts';

afterEach(endAll);

/** A program that has used everything, closed, and has nothing left to do. */
const PROGRAM = `
  import { createTransport } from '${new URL('index.ts', import.meta.url).href}';
  const transport = createTransport({ servers: [process.argv[1], '127.0.0.1:1', 'dns:///localhost:1'] });
  const get = (url) => transport.lookup({ method: 'GET', url, headers: [] });
  for (let i = 0; i < 20; i += 1) await get('http://api.example/' + i).catch(() => undefined);
  const waiting = Array.from({ length: 20 }, (_, i) => get('http://api.example/wait' + i).catch((error) => error.code));
  let body;
  for (let i = 0; body === undefined; i += 1) {
    const answer = await get('http://api.example/large' + i).catch(() => undefined);
    if (answer?.body.kind === 'stream') body = answer.body.read(new AbortController().signal);
  }
  await body.next();
  transport.close();
  console.log(new Set(await Promise.all(waiting)).has('closed'), await body.next().catch((error) => error.code));
`;

test('after close() nothing holds the process open, and what waited has failed', async () => {
  const { address } = await serve({
    lookup: ({ url, reply }) => {
      if (url.includes('large')) reply(...ticketResponse('v1'));
      else if (url.includes('wait')) reply({ case: 'ack', value: {} });
      else reply(...wholeResponse(''));
    },
    async *fetch() {
      for (;;) yield { case: 'raw', value: { data: Buffer.alloc(100_000) } };
    },
  });
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, address]);
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
  }
  const code = await new Promise((resolve) => {
    child.on('close', resolve);
  });
  expect({ code, out }).toEqual({ code: 0, out: 'true closed\n' });
});
