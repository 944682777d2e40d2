/** Passwords that Redis refuses: the client's errors carry the commands that failed, HELLO and AUTH among them. */
import { startCacheServer } from '@pannier/cache-server';
import { createLogger, loadConfig } from '@pannier/runtime';
import { expect, test } from 'vitest';
import { eventually } from '../fixture/eventually.ts';
import { startRedis } from '../fixture/redis-server.ts';

const TOLD = [
  /Redis (for data )?does not answer/,
  /the Redis for control does not answer/,
  /the queue of jobs does not answer/,
];

test.each([
  { protocol: 3, format: 'json' },
  { protocol: 2, format: 'json' },
  { protocol: 3, format: 'human' },
] as const)(
  'a wrong password stands in no line of the log, with RESP$protocol and for data, control and jobs ($format)',
  async ({ protocol, format }) => {
    await using data = await startRedis({ args: ['--requirepass', 'right'] });
    await using control = await startRedis({ args: ['--requirepass', 'right'] });
    const at = (port: number, password: string): string => `redis://:${password}@127.0.0.1:${port}`;
    const config = loadConfig({
      env: {},
      overrides: {
        log: { level: 'trace', format },
        server: {
          port: 0,
          adminPort: 0,
          redis: {
            url: at(data.port, 'hush-data'),
            control: { url: at(control.port, 'hush-control') },
            protocol,
          },
        },
      },
    });
    let log = '';
    const logger = createLogger(config.log, 'test', { write: (line) => void (log += line) });
    const server = await startCacheServer({ config, logger });
    try {
      await eventually(() => {
        for (const line of TOLD) expect(log).toMatch(line);
      });
    } finally {
      await server.close(0);
    }
    expect(log).toContain('WRONGPASS');
    expect(log).not.toContain('hush');
  },
);
