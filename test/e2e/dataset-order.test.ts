import { decode } from '@msgpack/msgpack';
import { expect, it } from 'vitest';
import { startMesh } from '../fixture/mesh.ts';
import { startFileUpstream } from './file-upstream.ts';

const RECORDS = ['{"name":"CZ","2021":10,"2020":9}', '{"name":"DE","2021":84,"2020":83}'];

it('gives fields that are whole numbers in the order of the document, whole, projected and as MessagePack', async () => {
  await using upstream = await startFileUpstream();
  upstream.put('/people.json', `[${RECORDS.join(',')}]`);
  const people = { upstream: 'files', endpoint: '/people.json', partitionBy: { field: 'name' } };
  const config = { upstreams: { files: { url: upstream.url } }, datasets: { people } };
  await using mesh = await startMesh({ config });
  const get = async (path: string, accept = '*/*'): Promise<Buffer> => {
    const response = await fetch(`${mesh.proxyUrl()}/.pannier/datasets/people${path}`, {
      headers: { accept },
    });
    return Buffer.from(await response.arrayBuffer());
  };
  expect(String(await get('/records'))).toBe(`${RECORDS.join('\n')}\n`);
  expect(String(await get('/records?name=DE'))).toBe(`${RECORDS[1]}\n`);
  expect(String(await get('/records?fields=2020,2021'))).toBe(
    '{"2021":10,"2020":9}\n{"2021":84,"2020":83}\n',
  );
  const keys: unknown[] = [];
  const mapKeyConverter = (key: unknown): string => {
    keys.push(key);
    return String(key);
  };
  decode(await get('/partitions/CZ', 'application/msgpack'), { mapKeyConverter });
  expect(keys).toEqual(['name', '2021', '2020']);
});
