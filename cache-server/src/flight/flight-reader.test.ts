import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { readBody, startEntries } from '../get-entry.fixture.ts';

it.each([0, 1, 99_999, 100_000])(
  'who reads a body from %i on when its flight has ended gets the last partition, too, although it is shorter',
  async (from) => {
    const bytes = randomBytes(100_000);
    const entries = await startEntries({
      answer: (_request, response) => response.writeHead(200, { 'cache-control': 'max-age=60' }).end(bytes),
    });
    const { body } = await entries.get('/a');
    expect(body.inline).toBeUndefined();
    // Who was given a place and came too late for it: the memory of the flight has been given back.
    body.release();
    await entries.landed();
    expect(await readBody(body, from)).toEqual(bytes.subarray(from));
  },
);
