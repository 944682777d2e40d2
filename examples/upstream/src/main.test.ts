import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { until } from './http-client.fixture.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));

function run(...args: string[]): { child: ChildProcess; output: { stdout: string; stderr: string } } {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  return { child, output };
}

test('it prints the port that it got, serves, and ends on SIGTERM with a body under way', async () => {
  const { child, output } = run('--port', '0');
  await until(() => output.stdout.includes('\n'));
  const [, url] = /^listening on (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(output.stdout) ?? [];
  expect(url).toBeDefined();
  const response = await fetch(`${url}/generated/10MB?bytesPerSecond=1KB`);
  expect(response.status).toBe(200);
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(output.stderr).toBe('');
  await expect(response.arrayBuffer()).rejects.toThrow();
});

test('a busy port is one line and exit code 1', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const { child, output } = run('--port', String(port));
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(output).toEqual({
    stdout: '',
    stderr: `port ${port} on 127.0.0.1 is in use; choose another with --port\n`,
  });
  holder.close();
});

test.each([['--port', '65536'], ['--port', 'http'], ['--colour'], ['--key', 'key.pem']])(
  '%s %s is explained with exit code 2',
  async (...args) => {
    const { child, output } = run(...args);
    expect(await once(child, 'close')).toEqual([2, null]);
    expect(output.stderr).toMatch(/usage: node/);
  },
);

test('cities that cannot be read are one line and exit code 1', async () => {
  const { child, output } = run('--port', '0', '--cities', 'nowhere.json');
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(output.stderr).toBe('the cities cannot be read from nowhere.json\n');
});
