import { expect, it } from 'vitest';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { patientClient } from '../fixture/patient-client.ts';
import { startFileUpstream } from './file-upstream.ts';
import type { FileAnswer } from './file-upstream.ts';

interface Row {
  readonly id: number;
}

const PAGE = 10;

/** What the pages show, and how often the first of them was asked for. */
interface Api {
  rows: Row[];
  version: number;
  asked: number;
  onPage?: (page: number) => void;
}

function answers(api: Api): Readonly<Record<string, FileAnswer>> {
  const page = (number: number): Row[] => api.rows.slice(number * PAGE, (number + 1) * PAGE);
  const send = (response: Parameters<FileAnswer>[1], body: unknown, headers = {}): void => {
    const text = JSON.stringify(body);
    // Fresh for longer than any test takes: only who confirms what is cached sees that it changed.
    const freshness = { 'cache-control': 'max-age=600' };
    response.writeHead(200, { 'content-type': 'application/json', ...freshness, ...headers }).end(text);
  };
  const numberOf = (url = '', name = 'page'): number =>
    Number(new URL(url, 'http://a').searchParams.get(name) ?? 0);
  const told = (number: number): void => {
    if (number === 0) api.asked += 1;
    api.onPage?.(number);
  };
  return {
    '/link': ({ url }, response) => {
      const number = numberOf(url);
      told(number);
      const next =
        page(number + 1).length > 0
          ? { link: `</first>; rel="first", </link?page=${number + 1}>; rel="next"` }
          : {};
      send(response, page(number), next);
    },
    '/cursor': ({ url }, response) => {
      const number = numberOf(url, 'after');
      told(number);
      send(response, {
        items: page(number),
        meta: { next: page(number + 1).length > 0 ? String(number + 1) : null },
      });
    },
    '/number': ({ url }, response) => {
      const number = numberOf(url) - 1;
      told(number);
      send(response, { items: page(number) });
    },
    '/version': (_request, response) =>
      send(response, { version: api.version }, { 'cache-control': 'no-cache' }),
    '/broken': ({ url }, response) => {
      const number = numberOf(url);
      if (number === 2) return void response.writeHead(500).end();
      send(response, page(number), { link: `</broken?page=${number + 1}>; rel="next"` });
    },
    '/circle': (_request, response) => send(response, page(0), { link: '</circle>; rel="next"' }),
    '/away': (_request, response) =>
      send(response, page(0), { link: '<http://elsewhere.invalid/x>; rel="next"' }),
  };
}

const link = { upstream: 'files', partitionBy: { chunk: { records: 1000 } }, pages: { next: 'link' } };
const datasets = {
  link: { ...link, endpoint: '/link' },
  cursor: {
    ...link,
    endpoint: '/cursor',
    records: '/items',
    pages: { next: { cursor: '/meta/next', parameter: 'after' } },
  },
  number: { ...link, endpoint: '/number', records: '/items', pages: { next: { parameter: 'page' } } },
  strict: {
    ...link,
    endpoint: '/link',
    refreshMs: 1,
    probe: { endpoint: '/version', pointer: '/version' },
    pages: { next: 'link', consistency: 'strict', restartsMax: 3 },
  },
  broken: { ...link, endpoint: '/broken' },
  circle: { ...link, endpoint: '/circle' },
  away: { ...link, endpoint: '/away' },
};

it('reads paginated APIs as one dataset, begins anew when they change, and names the page that fails', async () => {
  const api: Api = { rows: Array.from({ length: 35 }, (_none, id) => ({ id })), version: 1, asked: 0 };
  await using upstream = await startFileUpstream();
  for (const [path, answer] of Object.entries(answers(api))) upstream.put(path, answer);
  const config = { upstreams: { files: { url: upstream.url } }, datasets } as never;
  await using mesh = await startMesh({ proxies: 0, config });
  using client = patientClient(mesh.server.listening['grpc']);
  const read = async (name: string): Promise<Row[]> => {
    const found: Row[] = [];
    for await (const row of client.dataset<Row>(name).records()) found.push(row);
    return found;
  };
  for (const name of ['link', 'cursor', 'number']) expect(await read(name), name).toEqual(api.rows);

  // The data changes under the first walk: it is begun anew, and nothing of both is mixed.
  api.onPage = (page) => {
    if (page !== 2 || api.version !== 1) return;
    api.version = 2;
    api.rows = api.rows.map(({ id }) => ({ id: id + 100 }));
  };
  expect(await read('strict')).toEqual(Array.from({ length: 35 }, (_none, id) => ({ id: id + 100 })));
  const before = api.asked;
  // The probe says that nothing has changed: no page is asked for.
  expect(await read('strict')).toHaveLength(35);
  expect(api.asked).toBe(before);

  // It never comes to rest: the old version stays.
  api.onPage = (page) => {
    if (page === 2) api.version += 1;
  };
  api.version += 1;
  expect(await read('strict')).toEqual(Array.from({ length: 35 }, (_none, id) => ({ id: id + 100 })));
  // The read may have been given the old version before the last of the four walks was over.
  await eventually(() => expect(api.asked).toBe(before + 4));
  expect(await read('strict')).toEqual(Array.from({ length: 35 }, (_none, id) => ({ id: id + 100 })));

  await expect(read('broken')).rejects.toThrow(/page 3: the upstream answered 500 for \/broken\?page=2/);
  await expect(read('circle')).rejects.toThrow(/page 2: it leads in a circle/);
  await expect(read('away')).rejects.toThrow(/page 1: its next link leads to http:\/\/elsewhere\.invalid/);
});
