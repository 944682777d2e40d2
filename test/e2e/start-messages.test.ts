import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

async function busyPort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Everything `npm start` says until a line has `until` in it, or it ends. */
async function said(args: readonly string[], until = 'curl -s '): Promise<string> {
  const child = spawn(process.execPath, ['scripts/start.ts', ...args], { cwd: ROOT });
  const ended = once(child, 'close');
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => (text += part));
  for await (const line of createInterface({ input: child.stdout })) {
    text += `${line}\n`;
    if (line.includes(until)) child.kill('SIGTERM');
  }
  await ended;
  return text;
}

const ANY = ['--upstream-port', '0', '--server-port', '0', '--proxy-port', '0'];

test('npm start names its own flag for a busy port', async () => {
  for (const flag of ['--upstream-port', '--server-port', '--proxy-port']) {
    const port = String(await busyPort());
    const text = await said([...ANY, flag, port]);
    expect(text).toContain(`port ${port} on 127.0.0.1 is `);
    expect(text).toContain(`choose another with ${flag}`);
  }
});

test('npm start says that a port is no port, and that Redis does not answer', async () => {
  expect(await said([...ANY, '--proxy-port', 'x'])).toContain('--proxy-port: found "x", expected a port');
  const text = await said([...ANY, '--redis', `redis://127.0.0.1:1`]);
  expect(text).toContain('Pannier is up');
  expect(text).toContain('But Redis does not answer');
  expect(await said(ANY)).not.toContain('But');
});

test('a URL of Redis that is none ends the start with one line and 2, and its password is in no line', async () => {
  const url = 'redis://:hush@127.0.0.1:99999';
  const line = 'server.redis.url: found "redis://***@127.0.0.1:99999", expected a redis:// or rediss:// URL';
  const started = await said([...ANY, '--redis', url]);
  expect(started).toContain(`pannier: command line: ${line}`);
  const server = spawn(process.execPath, ['cache-server/src/main.ts', '--port', '0', '--admin-port', '0'], {
    cwd: ROOT,
    env: { ...process.env, PANNIER_SERVER_REDIS_URL: url },
  });
  let text = '';
  server.stderr.setEncoding('utf8').on('data', (part: string) => (text += part));
  expect(await once(server, 'close')).toEqual([2, null]);
  expect(text).toMatch(/^pannier: PANNIER_SERVER_REDIS_URL: .*\n$/);
  expect(text).toContain(line);
  expect(started + text).not.toContain('hush');
});

test('what npm runs ends when npm is told to end', async () => {
  const flags = ['--port', '0', '--admin-port', '0'];
  const npm = spawn('npm', ['run', '-s', 'proxy', '--', ...flags], { cwd: ROOT });
  const lines = createInterface({ input: npm.stderr })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toContain('"listening"');
  npm.kill('SIGTERM');
  const rest: string[] = [];
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) rest.push(line.value);
  // The pipe ends only when nobody holds it: node too has gone.
  expect(rest.join('\n')).toContain('"msg":"drained"');
});
