import { expect, it } from 'vitest';
import { portFlag } from './port-flag.ts';

it('a port is a number from 0 to 65535, and what is none is repeated as it was written', () => {
  expect([undefined, '0', '7070', '65535'].map((text) => portFlag('--port', text))).toEqual([
    undefined,
    0,
    7070,
    65_535,
  ]);
  for (const text of ['x', '', '-1', '65536', '1e3', '7070.5']) {
    expect(() => portFlag('--port', text)).toThrow(
      `command line: --port: found ${JSON.stringify(text)}, expected a port from 0 to 65535`,
    );
  }
});
