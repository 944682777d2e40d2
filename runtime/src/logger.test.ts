import { describe, expect, it } from 'vitest';
import type { LogConfig } from './config/log-section.ts';
import { createLogger } from './logger.ts';
import { runScript } from './script.fixture.ts';

function logged(config: Partial<LogConfig>, isTTY: boolean): string[] {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', format: 'auto', ...config }, 'cache-server', {
    isTTY,
    write: (line) => lines.push(line),
  });
  logger.debug('too detailed');
  logger.info({ port: 7070 }, 'listening');
  return lines;
}

describe('a logger', () => {
  it('writes JSON with an ISO time and the level by name where there is no terminal', () => {
    const [line = '', ...rest] = logged({}, false);
    expect(JSON.parse(line)).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      name: 'cache-server',
      port: 7070,
      msg: 'listening',
    });
    expect(line).toMatch(/\n$/);
    expect(rest).toEqual([]);
  });

  it('says of an error and its causes each message once', () => {
    const lines: string[] = [];
    const logger = createLogger({ level: 'info', format: 'json' }, 'x', {
      write: (line) => lines.push(line),
    });
    const deepest = new Error('connection refused');
    const cause = new Error('malformed JSON in record 7', { cause: deepest });
    logger.error({ err: new Error('items: malformed JSON in record 7', { cause }) }, 'a refresh failed');
    logger.error({ err: 'no error' }, 'odd');
    const [first, second] = lines.map(
      (line) => JSON.parse(line) as { err: { message: string; stack: string } },
    );
    expect(first?.err.message).toBe('items: malformed JSON in record 7: connection refused');
    expect(first?.err.stack).toContain('connection refused');
    expect(second?.err).toBe('no error');
  });

  it.each(['json', 'human'] as const)(
    'tells of an error, wherever it stands, nothing but what a fixed list names (%s)',
    (format) => {
      const lines: string[] = [];
      const logger = createLogger({ level: 'info', format }, 'x', { write: (line) => lines.push(line) });
      const secret = { command: { name: 'auth', args: ['hush'] }, input: 'redis://:hush@h' };
      const told = { code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', port: 6379 };
      const inner = Object.assign(new Error('refused'), secret);
      const lists = { previousErrors: [inner], lastNodeError: inner, errors: [inner] };
      const error = Object.assign(new Error('odd', { cause: inner }), secret, lists, told);
      logger.error({ err: error }, 'failed');
      logger.error({ error, reason: inner }, 'failed');
      logger.error(error);
      logger.error({ err: { message: 'no Error', ...secret } }, 'failed');
      logger.error({ err: Object.assign(new Error('odd'), { code: secret, port: [secret] }) });
      logger.error({ err: new AggregateError([inner]) });
      expect(lines).toHaveLength(6);
      expect(lines.join('')).not.toContain('hush');
      expect(lines[0]).toContain('odd: refused');
      expect(lines[3]).toContain('no Error');
      expect(lines[5]).toContain('refused');
      if (format === 'json')
        expect((JSON.parse(lines[0] ?? '') as { err: object }).err).toEqual({
          type: 'Error',
          message: 'odd: refused',
          stack: expect.stringContaining('caused by: Error: refused') as string,
          ...told,
        });
    },
  );

  it('comes to an end with an error that is its own cause, or one of its own errors', () => {
    const lines: string[] = [];
    const logger = createLogger({ level: 'info', format: 'json' }, 'x', {
      write: (line) => lines.push(line),
    });
    const error = new AggregateError([], 'round');
    error.errors.push(error);
    logger.error({ err: Object.assign(error, { cause: error }) }, 'failed');
    expect(lines[0]).toContain('round');
  });

  it('writes coloured lines on a terminal', () => {
    expect(logged({}, true)[0]).toMatch(/listening.*port=.*7070\n$/);
    expect(logged({}, true)[0]).toContain('\u001B[32minfo');
  });

  it('does as the format says, whatever it writes to', () => {
    expect(logged({ format: 'human' }, false)[0]).toMatch(
      /^[\d:]{8} info {2}cache-server {2}listening {2}port=7070\n$/,
    );
    expect(logged({ format: 'json' }, true)[0]).toMatch(/^\{/);
  });

  it('heeds the level', () => {
    expect(logged({ level: 'debug' }, false)).toHaveLength(2);
    expect(logged({ level: 'silent' }, false)).toHaveLength(0);
  });

  it('loses no line when the process ends at once, and keeps standard output clean', async () => {
    const { stdout, stderr } = await runScript(`
      import { createLogger } from './logger.ts';
      const logger = createLogger({ level: 'info', format: 'auto' }, 'proxy');
      for (let n = 0; n < 2000; n++) logger.info({ n }, 'line');
      process.exit(0);
    `).ended;
    expect(stderr.trim().split('\n')).toHaveLength(2000);
    expect(stdout).toBe('');
  });
});
