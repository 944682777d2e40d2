import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { runScript } from './script.fixture.ts';

/** A process with a real admin port that drains as `onDrain` says; it sends its port once it is up. */
const script = (onDrain: string, drainMs: number): string => `
  import { createLogger } from './logger.ts';
  import { createMetrics } from './metrics.ts';
  import { installSignals } from './drain.ts';
  import { startAdmin } from './admin.ts';
  const logger = createLogger({ level: 'info', format: 'json' }, 'test');
  const finish = Promise.withResolvers();
  process.once('message', () => finish.resolve());
  const drain = installSignals({ logger, drainMs: ${drainMs}, onDrain: ${onDrain} });
  const admin = await startAdmin({
    host: '127.0.0.1', port: 0, ready: () => drain.readiness(), metrics: createMetrics('x').registry,
  });
  process.send(admin.port);
`;

async function start(onDrain: string, drainMs = 60_000) {
  const { child, ended } = runScript(script(onDrain, drainMs));
  const [port] = (await once(child, 'message')) as [number];
  const ready = async (): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    return `${response.status} ${await response.text()}`.trim();
  };
  return { child, ended, ready };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(5);
}

/** Sends the signal again and again: one that comes too soon after the first counts as its echo. */
async function insist(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
    await delay(20);
  }
}

describe('a signal', () => {
  it('makes the process not ready, lets it finish, and ends it with 0', async () => {
    const { child, ended, ready } = await start('() => finish.promise');
    expect(await ready()).toBe('200 ok');
    child.kill('SIGTERM');
    await until(async () => (await ready()) === '503 draining');
    child.send('finish');
    const { code, stderr } = await ended;
    expect(code).toBe(0);
    expect(stderr).toContain('"msg":"drained"');
  });

  it('cuts a drain that takes longer than it may, aborting its deadline', async () => {
    const { child, ended } = await start(
      "(deadline) => new Promise(() => deadline.addEventListener('abort', () => console.log(deadline.reason.message)))",
      20,
    );
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    expect(code).toBe(0);
    expect(stdout).toBe('not drained within 20ms\n');
    expect(stderr).toContain('the drain took too long');
  });

  it('ends the process with 1 when the drain fails', async () => {
    const { child, ended } = await start("async () => { throw new Error('stuck'); }");
    child.kill('SIGTERM');
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    expect(stderr).toContain('stuck');
  });

  it('that comes a second time ends the process at once', async () => {
    const { child, ended } = await start('() => new Promise(() => {})');
    await insist(child, 'SIGTERM');
    expect(await ended).toMatchObject({
      code: 143,
      stderr: expect.stringContaining('exiting at once') as string,
    });
  });

  it('that npm forwards right behind the terminal is not a second one', async () => {
    const { child, ended } = await start(
      "async () => { process.emit('SIGINT', 'SIGINT'); await finish.promise; }",
    );
    child.kill('SIGINT');
    child.send('finish');
    expect((await ended).code).toBe(0);
  });
});
