import { describe, expect, it } from 'vitest';
import { describeEnding } from './main-process.ts';
import { ConfigError } from './errors.ts';
import { runScript } from './script.fixture.ts';

const run = async (main: string) =>
  runScript(`
    import { parseArgs } from 'node:util';
    import { createServer } from 'node:net';
    import { loadConfig } from './config/config-source.ts';
    import { listenOrExplain } from './listening.ts';
    import { runMain } from './main-process.ts';
    await runMain(async () => { ${main} });
  `).ended;

describe('runMain', () => {
  it('ends in one line and 2 for a refused config', async () => {
    const ended = await run("loadConfig({ env: { PANNIER_SERVER_PORT: 'abc' } })");
    expect(ended).toEqual({
      code: 2,
      stdout: '',
      stderr: 'pannier: PANNIER_SERVER_PORT: server.port: found "abc", expected a port from 0 to 65535\n',
    });
  });

  it('ends in one line and 2 for an unknown flag', async () => {
    const ended = await run("parseArgs({ args: ['--prot', '1'], options: {} })");
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/^pannier: Unknown option '--prot'.*\n$/);
  });

  it('ends in one line and 1 for a busy port', async () => {
    const ended = await run(`
      const place = { host: '127.0.0.1', port: 0, flag: '--port' };
      const { port } = await listenOrExplain(createServer(), place);
      await listenOrExplain(createServer(), { ...place, port });
    `);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^pannier: port \d+ on 127\.0\.0\.1 is busy: .* --port\b.*\n$/);
  });

  it('ends in the stack and 1 for a bug, awaited or not', async () => {
    for (const bug of [
      'undefined.x',
      'void Promise.reject(new TypeError("lost")); await new Promise(() => setTimeout(() => {}, 60_000))',
    ]) {
      const ended = await run(bug);
      expect(ended.code).toBe(1);
      expect(ended.stderr).toMatch(/^pannier: .*TypeError: .*\n {4}at /);
    }
  });

  it('leaves a process that goes well alone', async () => {
    expect(await run("console.log('done')")).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
  });
});

describe('describeEnding', () => {
  it('takes an error with a code of its own catalogue, or the system, for known', () => {
    expect(describeEnding(Object.assign(new Error('no\n answer'), { code: 'UNAVAILABLE' }))).toEqual({
      text: 'no answer',
      exitCode: 1,
    });
    expect(describeEnding(new ConfigError('a\nb'))).toEqual({ text: 'a b', exitCode: 2 });
  });

  it('shows the stack of an error that misuses Node', () => {
    const error = Object.assign(new TypeError('bad'), { code: 'ERR_INVALID_ARG_TYPE' });
    expect(describeEnding(error).text).toContain('main-process.test.ts');
  });

  it('shows of a bug its stack and causes, and nothing that hangs on its errors', () => {
    const cause = Object.assign(new TypeError('Invalid URL'), { input: 'redis://:hush@h:99999' });
    const { text } = describeEnding(new Error('cannot start', { cause }));
    expect(text).toMatch(/^Error: cannot start\n {4}at .*\ncaused by: TypeError: Invalid URL\n/s);
    expect(text).not.toContain('hush');
  });

  it('answers for whatever was thrown', () => {
    expect(describeEnding('text').text).toBe("'text'");
  });
});
