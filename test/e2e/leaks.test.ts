/** An answer to one caller's credentials, and a cookie that was set for one, reach nobody else. */
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import type { CurlAnswer } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { reflect, startReflectingUpstream } from './reflecting-upstream.ts';
import type { Answer, ReflectingUpstream } from './reflecting-upstream.ts';
import { STORES } from './stores.ts';

/** Before every answer of the upstreams, so that those who ask at the same time meet in one fetch where they may. */
const DELAY_MS = 60;
/** Anonymous requests at the same time, half of them by each proxy. */
const CROWD = 6;

const CREDENTIALS = [
  'Authorization',
  'Cookie',
  'X-Api-Key',
  'Api-Key',
  'X-Auth-Token',
  'X-Amz-Security-Token',
  'X-Session-Id',
  'X-Forwarded-User',
  'DPoP',
];

/** Heads that set a cookie, or carry another field of one caller, each with a value that comes once. */
const SET_COOKIES: Readonly<Record<string, readonly [status: number, headers: Record<string, string>]>> = {
  'an answer that may be stored': [200, { 'cache-control': 'public, max-age=60' }],
  'an answer that may be stored without it': [200, { 'cache-control': 'max-age=60, no-cache="set-cookie"' }],
  'an answer without a lifetime': [200, {}],
  'a redirect': [302, { location: '/' }],
  'a lasting redirect': [301, { location: '/', 'cache-control': 'max-age=60' }],
  'a page that is not there': [404, { 'cache-control': 'max-age=60' }],
  'a refusal': [403, {}],
  'a failure': [503, { 'cache-control': 'no-store' }],
  'a failure without a word': [500, {}],
};

/** Directives that name a field as one caller's, where `x-user` is it. */
const OWNING = ['private="x-user"', 'no-cache="x-user"', 'private="a, X-User"'];

let serial = 0;
/** A value that no other answer has. */
const unique = (): string => `id-${(serial += 1)}-`;

function cookieOf({ headers }: CurlAnswer): string {
  return String(headers['set-cookie'] ?? '');
}

function send(response: ServerResponse, status: number, headers: Record<string, string>): void {
  response.writeHead(status, headers).end(status === 304 ? undefined : 'x');
}

describe.each(STORES)('on the %s store', (store) => {
  let upstreams: Record<'strict' | 'rfc' | 'keyed', ReflectingUpstream>;
  let mesh: Mesh;
  beforeAll(async () => {
    const delayMs = DELAY_MS;
    upstreams = {
      strict: await startReflectingUpstream({ delayMs }),
      rfc: await startReflectingUpstream({ delayMs }),
      keyed: await startReflectingUpstream({ delayMs }),
    };
    const config = {
      upstreams: {
        strict: { url: upstreams.strict.url },
        rfc: { url: upstreams.rfc.url, credentials: 'rfc' as const },
        keyed: { url: upstreams.keyed.url, credentials: 'keyed' as const },
      },
    };
    // On a busy machine Redis is slow, which is not to be taken for away.
    const redisSettings = { commandTimeoutMs: '20s' };
    mesh = await startMesh({ store, redisSettings, proxies: 2, config });
  });
  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
    await Promise.all(Object.values(upstreams).map((upstream) => upstream[Symbol.asyncDispose]()));
  });

  const ask = async (
    url: string,
    caller: number,
    options: { headers?: Record<string, string>; method?: string } = {},
  ): Promise<CurlAnswer> => await curl(url, mesh.proxyUrl(caller % 2), options);
  const crowd = async (url: string): Promise<CurlAnswer[]> =>
    await Promise.all(Array.from({ length: CROWD }, async (_, caller) => await ask(url, caller)));

  it.each(
    // Where credentials are in the key, each person's answer is stored too.
    CREDENTIALS.flatMap((name) => [['strict', name, 1 + 2 * 3] as const, ['keyed', name, 1 + 3] as const]),
  )(
    'of an upstream that is %s, what %s brings reaches nobody else, nor the other way round',
    async (...given) => {
      const [kind, name, fetches] = given;
      const url = `${upstreams[kind].url}/credentials/${name}`;
      const people = ['alice', 'bob', 'carol'];
      for (const moment of ['cold', 'warm']) {
        const asking = people.map(async (person, at) => await ask(url, at, { headers: { [name]: person } }));
        const others = await crowd(url);
        for (const [at, person] of people.entries()) {
          const seen = String((await asking[at])?.body);
          expect(
            people.filter((other) => seen.includes(other)),
            moment,
          ).toEqual([person]);
        }
        for (const { status, body } of [...others, ...(await crowd(url))]) {
          expect(status).toBe(200);
          for (const person of people) expect(body.toString()).not.toContain(person);
        }
      }
      // One for all who show no credentials; one for each who does.
      expect(upstreams[kind].asked(`/credentials/${name}`)).toBe(fetches);
    },
  );

  it.each(Object.keys(SET_COOKIES))('a cookie on %s reaches one client, once', async (name) => {
    const { strict } = upstreams;
    const path = `/cookie/${name.replaceAll(' ', '-')}`;
    const [status = 0, headers = {}] = SET_COOKIES[name] ?? [];
    strict.answer(path, (_, response) => send(response, status, { ...headers, 'set-cookie': unique() }));
    const answers = [...(await crowd(strict.url + path)), ...(await crowd(strict.url + path))];
    const cookies = answers.map(cookieOf);
    expect(cookies.every((cookie) => cookie.startsWith('id-'))).toBe(true);
    expect(new Set(cookies).size).toBe(answers.length);
  });

  it.each(OWNING)('a field named by %s reaches one client, once', async (directive) => {
    const { strict } = upstreams;
    const path = `/owned/${encodeURIComponent(directive)}`;
    strict.answer(path, ({ headers }, response) => {
      const status = headers['if-none-match'] === undefined ? 200 : 304;
      const control = `max-age=2, ${directive}`;
      send(response, status, { 'cache-control': control, etag: '"one"', 'x-user': unique() });
    });
    const seen: string[] = [];
    const look = async (): Promise<CurlAnswer[]> => {
      const heads = [0, 1].map(async (caller) => await ask(strict.url + path, caller, { method: 'HEAD' }));
      const answers = [...(await crowd(strict.url + path)), ...(await Promise.all(heads))];
      seen.push(...answers.flatMap(({ headers }) => headers['x-user'] ?? []).map(String));
      return answers;
    };
    // One after another, so that the near cache of one proxy answers too.
    for (let time = 0; time < 3; time += 1)
      seen.push(...[(await ask(strict.url + path, 0)).headers['x-user'] ?? []].flat());
    await look();
    // Until a 304, which brings the field anew, has been shared too.
    await eventually(async () => {
      const answers = await look();
      expect(answers.some(({ headers }) => headers['cache-status']?.includes('fwd-status=304'))).toBe(true);
    });
    await look();
    expect(seen.length).toBeGreaterThan(0);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('a 304 that sets a cookie replays it to nobody', async () => {
    const { strict } = upstreams;
    strict.answer('/late-cookie', (_, response, count) => {
      const head = { 'cache-control': 'max-age=1', etag: '"one"' };
      if (count === 1) send(response, 200, head);
      else send(response, count === 2 ? 304 : 200, { ...head, 'set-cookie': unique() });
    });
    await crowd(`${strict.url}/late-cookie`);
    const cookies: string[] = [];
    await eventually(async () => {
      const answers = await crowd(`${strict.url}/late-cookie`);
      cookies.push(...answers.map(cookieOf).filter((cookie) => cookie !== ''));
      expect(cookies.length).toBeGreaterThan(CROWD);
    });
    expect(new Set(cookies).size).toBe(cookies.length);
  });

  it('while the upstream fails, nobody gets what another one got by credentials, or for a failure', async () => {
    const { rfc } = upstreams;
    let isDown = false;
    const answer: Answer = (request, response) => {
      const person = request.headers.authorization;
      const control = person === undefined ? 'max-age=1, stale-if-error=600' : 'max-age=600';
      if (isDown) response.writeHead(503, { 'set-cookie': unique() }).end(`down ${reflect(request)}`);
      else response.writeHead(200, { 'cache-control': control }).end(reflect(request));
    };
    rfc.answer('/failing', answer);
    const url = `${rfc.url}/failing`;
    const good = await ask(url, 0);
    const alice = { headers: { Authorization: 'alice' } };
    isDown = true;
    await eventually(async () =>
      expect((await ask(url, 1)).headers['cache-status']).toContain('detail=stale-if-error'),
    );
    for (const other of [...(await crowd(url)), await ask(url, 0, alice)]) {
      expect(other.body.toString()).toBe(good.body.toString());
      expect(cookieOf(other)).toBe('');
    }
    isDown = false;
    // What is stored may answer her as well, while it is fresh.
    await eventually(async () => expect((await ask(url, 0, alice)).body.toString()).toContain('alice'));
    isDown = true;
    for (const { body } of [...(await crowd(url)), ...(await crowd(url))])
      expect(body.toString()).not.toContain('alice');
    // Of a path that nobody has asked for before there is nothing else to give: the failure itself, to each its own.
    rfc.answer('/failing-cold', answer);
    const cookies = (await crowd(`${rfc.url}/failing-cold`)).map(cookieOf);
    expect(new Set(cookies).size).toBe(CROWD);
  });

  it.each([
    ['public, max-age=60', true],
    ['s-maxage=60', true],
    ['max-age=60, must-revalidate', true],
    ['max-age=60', false],
    ['private, max-age=60', false],
    ['public, max-age=60, no-store', false],
  ])(
    'where RFC 9111 §3.5 holds, an answer to credentials with %s is shared: %s',
    async (control, isShared) => {
      const { rfc } = upstreams;
      const alice = { headers: { Authorization: 'alice' } };
      const bob = { headers: { Authorization: 'bob' } };
      const path = (): string => {
        const ofOne = `/shared/${unique()}${encodeURIComponent(control)}`;
        rfc.answer(ofOne, (request, response) => {
          response.writeHead(200, { 'cache-control': control }).end(reflect(request));
        });
        return ofOne;
      };
      const ofAlice = (answers: readonly CurlAnswer[]): number =>
        answers.filter(({ body }) => body.includes('alice')).length;
      const others = async (url: string): Promise<CurlAnswer[]> => [
        ...(await crowd(url)),
        await ask(url, 1, bob),
      ];
      if (isShared) {
        // Who asks before hers is published may have one of their own, which then is the newer one: so each look is at a new path.
        await eventually(async () => {
          const url = rfc.url + path();
          expect((await ask(url, 0, alice)).body.toString()).toContain('alice');
          expect(ofAlice(await others(url))).toBe(CROWD + 1);
        });
        return;
      }
      const url = rfc.url + path();
      const [first, ...beside] = await Promise.all([ask(url, 0, alice), ask(url, 1), ask(url, 0)]);
      expect(first.body.toString()).toContain('alice');
      for (const answers of [beside, await others(url), await others(url)]) expect(ofAlice(answers)).toBe(0);
    },
  );
});

describe('without a cache server', () => {
  it("those who share the proxy's own fetch share no credentials, cookies or fields of one of them", async () => {
    await using upstream = await startReflectingUpstream({ delayMs: DELAY_MS });
    await using mesh = await startMesh({
      config: { upstreams: { api: { url: upstream.url, credentials: 'rfc' } } },
    });
    await mesh.server.kill9();
    const crowd = async (path: string): Promise<CurlAnswer[]> =>
      await Promise.all(
        Array.from({ length: CROWD }, async () => await curl(upstream.url + path, mesh.proxyUrl())),
      );
    upstream.answer('/owned', (_, response) => {
      send(response, 200, { 'cache-control': 'max-age=60, private="x-user"', 'x-user': unique() });
    });
    upstream.answer('/cookie', (_, response) => send(response, 302, { 'set-cookie': unique() }));
    const owned = [...(await crowd('/owned')), ...(await crowd('/owned'))];
    const users = owned.flatMap(({ headers }) => headers['x-user'] ?? []);
    expect(users.length).toBeGreaterThan(0);
    expect(new Set(users).size).toBe(users.length);
    expect(upstream.asked('/owned')).toBeLessThan(CROWD);
    expect(new Set((await crowd('/cookie')).map(cookieOf)).size).toBe(CROWD);
    const headers = { Authorization: 'alice' };
    const page = `${upstream.url}/page`;
    const before = crowd('/page');
    await eventually(() => expect(upstream.asked('/page')).toBeGreaterThan(0));
    const [alice, others] = await Promise.all([curl(page, mesh.proxyUrl(), { headers }), before]);
    expect(alice.body.toString()).toContain('alice');
    for (const { body } of others) expect(body.toString()).not.toContain('alice');
  });
});
