import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { NEVER, startDatasets } from '../get-dataset.fixture.ts';
import type { TestDatasets } from '../get-dataset.fixture.ts';

const PAGED = { endpoint: '/d', partitionBy: { chunk: { records: 1000 } } };
const PROBE = { endpoint: '/version' };

/** A paginated API whose every response is fresh for long: what changes is seen only by those who confirm what they have. */
class LinkedPages {
  ids: number[];
  readonly #api: TestDatasets;
  #version = 1;
  /** Called when a page, counted from 1, was answered. */
  onPage: (page: number) => void = () => undefined;
  /** A page whose body stays away for a while, once. */
  holdOnce: { page: number; onHeld: () => void; until: Promise<void> } | undefined;

  constructor(api: TestDatasets, ids: number[]) {
    this.ids = ids;
    this.#api = api;
    api.put('/d', (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response));
    this.change(ids);
  }

  change(ids: number[]): void {
    this.ids = ids;
    this.#version += 1;
    this.#api.put('/version', String(this.#version), 'max-age=60');
  }

  #answer({ url = '' }: IncomingMessage, response: ServerResponse): void {
    const page = Number(new URL(url, 'http://api').searchParams.get('page') ?? 1);
    const records = this.ids.slice(2 * page - 2, 2 * page).map((id) => ({ id }));
    if (this.ids.length > 2 * page) response.setHeader('link', `</d?page=${page + 1}>; rel="next"`);
    response.writeHead(200, { 'cache-control': 'max-age=600' });
    if (this.holdOnce?.page === page) {
      response.flushHeaders();
      this.holdOnce.onHeld();
      void this.holdOnce.until.then(() => response.end(JSON.stringify(records)));
      this.holdOnce = undefined;
    } else response.end(JSON.stringify(records));
    this.onPage(page);
  }
}

async function ids(api: TestDatasets): Promise<unknown[]> {
  return (await api.records()).map(({ id }) => id);
}

test.each(['strict', 'best-effort'])(
  'pages of one walk are of one state of the data under %s, whatever the cache holds of them',
  async (consistency) => {
    const d = { ...PAGED, refreshMs: 1000, probe: PROBE, pages: { next: 'link', consistency } };
    const api = await startDatasets({ datasets: { d } });
    const pages = new LinkedPages(api, [1, 2, 3, 4]);
    expect(await ids(api)).toEqual([1, 2, 3, 4]);

    // A record in front moves all others on by one.
    pages.change([0, 1, 2, 3, 4]);
    await api.elapse(120_000);
    expect(await ids(api)).toEqual([0, 1, 2, 3, 4]);
  },
);

test.each(['strict', 'best-effort'])(
  'a walk that is begun anew under %s asks for each page again',
  async (consistency) => {
    const d = { ...PAGED, probe: PROBE, pages: { next: 'link', consistency } };
    const api = await startDatasets({ datasets: { d } });
    const pages = new LinkedPages(api, [1, 2, 3, 4]);
    pages.onPage = (page) => {
      if (page === 2 && !pages.ids.includes(0)) pages.change([0, 1, 2, 3, 4]);
    };
    expect(await ids(api)).toEqual([0, 1, 2, 3, 4]);
  },
);

test('a page that was on its way before the walk began is asked for again', async () => {
  const d = { ...PAGED, probe: PROBE, pages: { next: 'link', consistency: 'strict' } };
  const api = await startDatasets({ datasets: { d } });
  const pages = new LinkedPages(api, [1, 2, 3, 4]);
  // The head of page 2 comes, and the rest of it waits until the walk has come to it.
  const walked = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  pages.holdOnce = { page: 2, onHeld: held.resolve, until: walked.promise };
  const url = `${api.url}/d?page=2`;
  const caller = { identity: 'test' };
  const early = api.entries.getEntry({ method: 'GET', url, headers: [] }, caller, NEVER);
  await held.promise;
  pages.change([0, 1, 2, 3, 4]);
  pages.onPage = (page) => {
    if (page === 1) setTimeout(walked.resolve, 100);
  };
  expect(await ids(api)).toEqual([0, 1, 2, 3, 4]);
  const answer = await early;
  if (answer.kind === 'response') answer.body.release();
});
