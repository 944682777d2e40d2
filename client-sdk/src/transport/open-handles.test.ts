import { spawn } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { ticketResponse, wholeResponse } from './scripted-server.fixture.ts';
import { endAll, serve } from './scripted-test.fixture.ts';
import { ScriptedLog } from './scripted-watch.fixture.ts';

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
  expect(await run(PROGRAM, address)).toEqual({ code: 0, out: 'true closed\n' });
});

/** A program that has its answers and does not close; the second lookup finds a connection that nobody has waited on. */
const WITHOUT_CLOSE = `
  import { connect } from '${new URL('../index.ts', import.meta.url).href}';
  const client = connect(process.argv[1]);
  for (const path of ['a', 'b', 'slow']) {
    console.log(await (await client.fetch('http://api.example/' + path)).text());
    const passed = Promise.withResolvers();
    setTimeout(passed.resolve, 100);
    await passed.promise;
  }
`;

test('a program that never closed its client ends once it has its answers, and not before', async () => {
  const log = new ScriptedLog();
  // Kept near, so that there is a watch as well, which would never end by itself.
  const entry = { shareable: true, freshForMs: 60_000n, generation: log.generation };
  const { address } = await serve({
    cache: log.calls,
    lookup: ({ url, reply }) => {
      if (url.endsWith('slow')) {
        reply({ case: 'ack', value: {} });
        setTimeout(() => reply(...wholeResponse('slow')), 500);
      } else reply(...wholeResponse('fast', entry));
    },
  });
  expect(await run(WITHOUT_CLOSE, address)).toEqual({ code: 0, out: 'fast\nfast\nslow\n' });
  expect(log.requests.length).toBe(1);
});

async function run(program: string, address: string): Promise<{ code: unknown; out: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, address]);
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
  }
  const code = await new Promise((resolve) => {
    child.on('close', resolve);
  });
  return { code, out };
}
