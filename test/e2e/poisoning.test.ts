/** Whatever one caller sends along, the others get the answer that they would have got without it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ending, speak } from '../integration/raw-peers.ts';
import { curl } from '../fixture/curl.ts';
import type { CurlAnswer } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { reflect, startReflectingUpstream } from './reflecting-upstream.ts';
import type { ReflectingUpstream } from './reflecting-upstream.ts';
import { STORES } from './stores.ts';

const EVIL = 'evil.example';

/** Headers that a cache does not key and an application may believe. */
const ATTACKS: readonly Readonly<Record<string, string>>[] = [
  { 'X-Forwarded-Host': EVIL },
  { 'X-Forwarded-Proto': EVIL },
  { 'X-Forwarded-Scheme': EVIL, 'X-Forwarded-Port': EVIL },
  { 'X-Forwarded-For': EVIL },
  { 'X-Forwarded-Prefix': `/${EVIL}` },
  { Forwarded: `for=1.2.3.4;host=${EVIL};proto=http` },
  { 'X-Host': EVIL, 'X-Original-Host': EVIL },
  { 'X-Real-IP': EVIL, 'True-Client-IP': EVIL },
  { 'X-Original-URL': `/${EVIL}` },
  { 'X-Rewrite-URL': `/${EVIL}` },
  { 'X-HTTP-Method-Override': EVIL },
  { 'X-HTTP-Method': EVIL },
  { 'X-Method-Override': EVIL },
  { Connection: 'close, X-Evil', 'X-Evil': EVIL, Via: `1.1 ${EVIL}` },
];

/** Targets near `/odd/TARGET/page` that a reader might take for it, or that name another host. */
const ODD_TARGETS: Readonly<Record<string, (origin: string, page: string) => string>> = {
  'a doubled slash': (origin, page) => `${origin}/${page}`,
  'dots on the way': (origin, page) => `${origin}/x/..${page}`,
  'dots written otherwise': (origin, page) => `${origin}/x/%2e%2e${page}`,
  'an escaped letter': (origin, page) => origin + page.replace('page', '%70age'),
  'a backslash': (origin, page) => `${origin}/x\\..${page}`,
  'another case': (origin, page) => origin + page.toUpperCase(),
  'an empty query': (origin, page) => `${origin}${page}?`,
  'a method in the query': (origin, page) => `${origin}${page}?_method=DELETE`,
  'a parameter behind a semicolon': (origin, page) => `${origin}${page};${EVIL}`,
  'a query that is a URL': (origin, page) => `${origin}${page}?http://${EVIL}/`,
  'a scheme in capitals': (origin, page) => origin.replace('http', 'HTTP') + page,
  'a user': (origin, page) => origin.replace('//', `//${EVIL}@`) + page,
  'a fragment': (origin, page) => `${origin}${page}#${EVIL}`,
};

describe.each(STORES)('on the %s store', (store) => {
  let upstreams: Record<'strict' | 'open', ReflectingUpstream>;
  let mesh: Mesh;
  beforeAll(async () => {
    upstreams = { strict: await startReflectingUpstream(), open: await startReflectingUpstream() };
    const config = {
      upstreams: {
        strict: { url: upstreams.strict.url },
        open: { url: upstreams.open.url, forwardHeaders: ['*'] },
      },
    };
    mesh = await startMesh({ store, proxies: 2, config });
  });
  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
    await Promise.all(Object.values(upstreams).map((upstream) => upstream[Symbol.asyncDispose]()));
  });

  const ask = async (url: string, caller: 0 | 1, headers: Record<string, string> = {}): Promise<CurlAnswer> =>
    await curl(url, mesh.proxyUrl(caller), { headers });

  /** What both callers get of a URL, until it comes from the cache; the same every time. */
  const agreed = async (url: string): Promise<string> => {
    const bodies = new Set<string>();
    for (const caller of [0, 1, 0, 1] as const) {
      const { status, body } = await ask(url, caller);
      bodies.add(`${status} ${body.toString()}`);
    }
    expect([...bodies]).toHaveLength(1);
    await eventually(async () =>
      expect((await ask(url, 1)).headers['cache-status']).toMatch(/pannier-\w+; hit/),
    );
    return [...bodies].join('');
  };

  describe.each(['strict', 'open'] as const)('of an upstream that is %s', (kind) => {
    it.each(ATTACKS.map((headers, at) => [Object.keys(headers).join(', '), headers, at] as const))(
      '%s of one caller show in no answer to another',
      async (_names, headers, at) => {
        for (const [moment, warm] of Object.entries({ cold: false, warm: true })) {
          const url = `${upstreams[kind].url}/attack/${at}/${moment}`;
          if (warm) await agreed(url);
          await Promise.all([ask(url, 0, headers), ask(url, 1, headers), ask(url, 0, headers)]);
          const page = await agreed(url);
          expect(page).toMatch(/^200 GET \/attack/);
          expect(page).not.toContain(EVIL);
        }
      },
    );

    it.each([
      'X-HTTP-Method-Override',
      'X-HTTP-Method',
      'X-Method-Override',
      'X-Original-URL',
      'X-Rewrite-URL',
    ])('%s gets its sender what the upstream makes of it', async (name) => {
      const url = `${upstreams[kind].url}/override/${name}`;
      const page = await agreed(url);
      const { body, headers } = await ask(url, 0, { [name]: EVIL });
      expect(body.toString()).toContain(`${name.toLowerCase()}: ${EVIL}`);
      expect(headers['cache-status']).toContain('detail=override');
      expect(await agreed(url)).toBe(page);
    });

    it('a head that is too large for it is the trouble of its sender alone', async () => {
      const url = `${upstreams[kind].url}/large`;
      const large: Record<string, string>[] = [
        { 'X-Junk': 'x'.repeat(12_000) },
        { Accept: 'x'.repeat(12_000) },
        { 'Accept-Language': 'x'.repeat(12_000) },
      ];
      const attacks = large.map(async (headers) => (await ask(url, 0, headers)).status);
      const [page, ...statuses] = await Promise.all([agreed(url), ...attacks]);
      expect(page).toMatch(/^200 GET \/large/);
      expect(statuses.filter((status) => status === 431).length).toBeGreaterThanOrEqual(2);
      for (const headers of large) {
        await ask(url, 0, headers);
        expect(await agreed(url)).toBe(page);
      }
    });
  });

  it('with `*`, what else shows in an answer is told apart by Vary, and by Vary alone', async () => {
    const { open } = upstreams;
    const tenants = [{ 'X-Tenant': 'a' }, { 'X-Tenant': 'b' }];
    open.answer('/named', (request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', vary: 'X-Tenant' }).end(reflect(request));
    });
    const bodies = async (path: string): Promise<string[]> => {
      const answers = [];
      for (const headers of tenants) answers.push(await ask(open.url + path, 0, headers));
      return answers.map(({ body }) => /x-tenant: (.)/.exec(body.toString())?.[1] ?? '');
    };
    expect(await bodies('/named')).toEqual(['a', 'b']);
    expect(await bodies('/unnamed')).toEqual(['a', 'a']);
  });

  it.each(Object.keys(ODD_TARGETS))('a target with %s takes no place of another', async (name) => {
    const { strict } = upstreams;
    const page = `/odd/${name.replaceAll(' ', '-')}/page`;
    const { host } = new URL(strict.url);
    const target = ODD_TARGETS[name]?.(strict.url, page) ?? '';
    const port = Number(new URL(mesh.proxyUrl()).port);
    // By the cache, and past it.
    for (const fields of [`Host: ${host}`, `hOsT: ${EVIL}`, `Host: ${EVIL}\r\nAuthorization: x`]) {
      const request = `GET ${target} HTTP/1.1\r\n${fields}\r\nConnection: close\r\n\r\n`;
      const { text } = await ending(await speak(port, request));
      expect(text).not.toContain(`host: ${EVIL}`);
    }
    const seen = await agreed(strict.url + page);
    expect(seen).toContain(`200 GET ${page}\n`);
    expect(seen).toContain(`\nhost: ${host}\n`);
    expect(seen).not.toContain(EVIL);
  });

  it('each order of a query is answered for itself', async () => {
    const { strict } = upstreams;
    for (const query of ['a=1&b=2', 'b=2&a=1', 'a=1&b=2&', 'a=1&a=2&b=2', 'a=1;b=2', 'a=1%26b=2'])
      expect(await agreed(`${strict.url}/query?${query}`)).toContain(`200 GET /query?${query}\n`);
  });

  it('a head that is too large for the proxy goes no further', async () => {
    const { strict } = upstreams;
    const answer = await ask(`${strict.url}/refused`, 0, { Accept: 'x'.repeat(200_000) }).catch(
      () => undefined,
    );
    expect([431, undefined]).toContain(answer?.status);
    expect(strict.asked('/refused')).toBe(0);
    expect(await agreed(`${strict.url}/refused`)).toContain('200 GET /refused\n');
  });

  it.each([400, 404, 429, 431, 500, 503])(
    'a page of status %i that names no lifetime is kept for nobody',
    async (status) => {
      const { strict } = upstreams;
      const path = `/error/${status}`;
      strict.answer(path, (request, response, count) => {
        if (count === 1) response.writeHead(status).end('an error');
        else response.writeHead(200, { 'cache-control': 'max-age=60' }).end(reflect(request));
      });
      expect((await ask(strict.url + path, 0)).status).toBe(status);
      expect(await agreed(strict.url + path)).toContain(`200 GET ${path}`);
    },
  );

  it.each([400, 404, 500])('a page of status %i that names a lifetime is kept no longer', async (status) => {
    const { strict } = upstreams;
    const path = `/brief/${status}`;
    strict.answer(path, (request, response, count) => {
      const isError = count === 1;
      const head = { 'cache-control': isError ? 'max-age=1' : 'max-age=60' };
      response.writeHead(isError ? status : 200, head).end(isError ? 'an error' : reflect(request));
    });
    expect((await ask(strict.url + path, 0)).status).toBe(status);
    await eventually(async () => expect((await ask(strict.url + path, 1)).status).toBe(200));
    expect(await agreed(strict.url + path)).toContain(`200 GET ${path}`);
  });

  it.each([429, 431])('a page of status %i is not kept even where it names a lifetime', async (status) => {
    const { strict } = upstreams;
    const path = `/never/${status}`;
    strict.answer(path, (request, response, count) => {
      response.writeHead(count === 1 ? status : 200, { 'cache-control': 'max-age=60' }).end(reflect(request));
    });
    expect((await ask(strict.url + path, 0)).status).toBe(status);
    expect(await agreed(strict.url + path)).toContain(`200 GET ${path}`);
  });

  it('an error in between does not take the place of a good entry', async () => {
    const { strict } = upstreams;
    const path = '/between';
    let isDown = false;
    strict.answer(path, (request, response) => {
      if (isDown) response.writeHead(500).end('down');
      else if (request.headers['if-none-match'] === '"good"')
        response.writeHead(304, { etag: '"good"' }).end();
      else response.writeHead(200, { 'cache-control': 'max-age=1', etag: '"good"' }).end('good');
    });
    expect((await ask(strict.url + path, 0)).body.toString()).toBe('good');
    isDown = true;
    await eventually(async () => expect((await ask(strict.url + path, 1)).status).toBe(500));
    isDown = false;
    // By condition: what was good is still there.
    const { body, headers } = await ask(strict.url + path, 1);
    expect(body.toString()).toBe('good');
    expect(headers['cache-status']).toContain('fwd-status=304');
  });
});
