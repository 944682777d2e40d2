import { keepFieldOrder } from '@pannier/proto/partition-format';
import { expect, test } from 'vitest';
import { FORMATS } from './record-formats.ts';

test.each([
  ['application/x-ndjson', '{"name":"CZ","2021":18446744073709551615,"2020":null}\n{"a":1}\n'],
  ['application/json', '[{"name":"CZ","2021":18446744073709551615,"2020":null},\n{"a":1}]\n'],
])('%s has fields in the order in which they were written, and every digit', async (format, expected) => {
  const record = { name: 'CZ', 2021: 2n ** 64n - 1n, 2020: null };
  keepFieldOrder(record, ['name', '2021', '2020']);
  async function* records(): AsyncGenerator<typeof record | { a: number }> {
    yield record;
    yield { a: 1 };
  }
  let text = '';
  for await (const piece of FORMATS[format]!(records())) text += piece.toString();
  expect(text).toBe(expected);
});
