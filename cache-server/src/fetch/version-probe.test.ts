import { expect, test } from 'vitest';
import type { ServerResponse } from 'node:http';
import { startDatasets } from '../get-dataset.fixture.ts';
import type { TestDatasets } from '../get-dataset.fixture.ts';

async function startProbed(probe: object): Promise<TestDatasets> {
  const d = { endpoint: '/d', partitionBy: { chunk: { records: 10 } }, probe: { endpoint: '/v', ...probe } };
  const api = await startDatasets({ datasets: { d } });
  api.put('/d', [{ state: 1 }]);
  return api;
}

test('a version of more digits than a double holds is told from its neighbour', async () => {
  const api = await startProbed({ pointer: '/version' });
  api.put('/v', '{"version":9007199254740992}');
  expect(await api.records()).toEqual([{ state: 1 }]);
  api.put('/v', '{"version":9007199254740993}');
  api.put('/d', [{ state: 2 }]);
  await api.elapse(5000);
  expect(await api.records()).toEqual([{ state: 2 }]);
});

test('a version may be a part of the document, with numbers of any size', async () => {
  const api = await startProbed({ pointer: '/parts' });
  api.put('/v', '{"parts":[9007199254740993,1e400,"a"]}');
  expect(await api.records()).toEqual([{ state: 1 }]);
});

test.each([
  ['gzip', {}, /probe: its response cannot be decoded: incorrect header check/],
  ['lzma', {}, /probe: its response cannot be decoded: its Content-Encoding lzma is not known/],
  ['', { pointer: '/version' }, /probe: its response is not JSON/],
  ['', { header: 'x-version' }, /probe: its response has no x-version/],
])(
  'a probe that cannot be read (%s, %j) is named, with upstream and endpoint',
  async (coding, probe, why) => {
    const api = await startProbed(probe);
    api.put('/v', (_request: unknown, response: ServerResponse) => {
      response.writeHead(200, coding === '' ? {} : { 'content-encoding': coding }).end('no version');
    });
    await expect(api.records()).rejects.toThrow(/dataset d \(upstream api, endpoint \/d\): probe: /);
    await expect(api.service.describe('d', '', AbortSignal.timeout(10_000))).rejects.toThrow(why);
  },
);

test('a probe that is larger than any version is named', async () => {
  const api = await startProbed({});
  api.put('/v', 'x'.repeat(2 ** 21));
  await expect(api.records()).rejects.toThrow(/endpoint \/d\): probe: a body of over 1048576 bytes/);
});
