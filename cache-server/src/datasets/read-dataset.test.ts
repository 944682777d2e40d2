import { getEventListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startDatasets, WHOLE } from '../get-dataset.fixture.ts';

test('a read of what is being cut leaves nothing behind on the signal of its reader', async () => {
  const datasets = { d: { endpoint: '/d', partitionBy: { chunk: { records: 1 } } } };
  const { service, put } = await startDatasets({ datasets });
  put('/d', async (_request: unknown, response: ServerResponse) => {
    response.writeHead(200, { 'cache-control': 'max-age=100' });
    response.write('[{"id":0}');
    // Many small pieces, so that the reader waits many times.
    for (let id = 1; id < 300; id += 1) {
      response.write(`,{"id":${id}}`);
      await delay(2);
    }
    response.end(']');
  });
  const { signal } = new AbortController();
  const read = await service.read(WHOLE, signal);
  expect(read.provisional).toBe(true);
  let partitions = 0;
  let most = 0;
  for await (const _part of read.parts()) {
    partitions += 1;
    most = Math.max(most, getEventListeners(signal, 'abort').length);
  }
  expect(partitions).toBe(300);
  expect(most).toBeLessThan(3);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
