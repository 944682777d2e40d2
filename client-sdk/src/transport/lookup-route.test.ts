import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { LOOKUPS_UNBOUNDED, lookupsMax, routeLookup } from './lookup-route.ts';
import { wholeResponse } from './scripted-server.fixture.ts';
import type { ScriptedLookup, ScriptedServer } from './scripted-server.fixture.ts';
import { connectTo, endAll, get, serve, urlForFirst } from './scripted-test.fixture.ts';
import { rankServers } from './server-ranking.ts';

afterEach(endAll);

interface Server {
  readonly server: string;
  usable: boolean;
  lookups: number;
  hasCredit: boolean;
}

function server(index: number, lookups = 0): Server {
  return { server: `10.0.${index}.7:7070`, usable: true, lookups, hasCredit: true };
}

const url = (item: number): string => `http://api.example/items/${item}`;
const fleets = fc
  .array(fc.record({ lookups: fc.nat(2000), usable: fc.boolean(), hasCredit: fc.boolean() }), {
    maxLength: 12,
  })
  .map((parts) => parts.map((part, index) => ({ ...server(index), ...part })));

test('a route holds every usable server once and no other, whatever they are busy with', () => {
  fc.assert(
    fc.property(fleets, fc.webUrl(), (servers, asked) => {
      const route = routeLookup(servers, asked);
      expect(new Set(route)).toEqual(new Set(servers.filter(({ usable }) => usable)));
      expect(route.length).toBe(new Set(route).size);
    }),
  );
});

test('the first of a route is the first in the order of its URL that has room, if any has', () => {
  fc.assert(
    fc.property(fleets, fc.webUrl(), (servers, asked) => {
      const usable = servers.filter((one) => one.usable);
      const bound = lookupsMax(usable);
      const roomy = usable.filter((one) => one.hasCredit && one.lookups < bound);
      expect(routeLookup(servers, asked)[0]).toBe(rankServers(roomy.length > 0 ? roomy : usable, asked)[0]);
    }),
  );
});

test('no server ever gets more than its share, however hot some URLs are', () => {
  const steps = fc.array(fc.record({ item: fc.nat(3), begins: fc.integer({ min: 1, max: 120 }) }), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 9 }), fc.infiniteStream(fc.nat()), (script, count, ends) => {
      const servers = Array.from({ length: count }, (_, index) => server(index));
      for (const { item, begins } of script) {
        for (let lookup = 0; lookup < begins; lookup += 1) {
          const bound = lookupsMax(servers);
          const chosen = routeLookup(servers, url(item))[0]!;
          chosen.lookups += 1;
          expect(chosen.lookups).toBeLessThanOrEqual(bound);
          const all = servers.reduce((sum, { lookups }) => sum + lookups, 0);
          expect(chosen.lookups).toBeLessThanOrEqual(
            Math.max(LOOKUPS_UNBOUNDED, Math.ceil((1.25 * all) / count)),
          );
        }
        const ending = servers[ends.next().value % count]!;
        ending.lookups = Math.floor(ending.lookups / 2);
      }
    }),
  );
});

test.each([1, 2, 3, 5, 8])(
  'when one joins %i servers, only what it takes over moves, and that is its share',
  (count) => {
    const before = Array.from({ length: count }, (_, index) => server(index));
    const joined = server(count);
    let moved = 0;
    for (let item = 0; item < 2000; item += 1) {
      const now = routeLookup([...before, joined], url(item))[0]!;
      if (now === joined) moved += 1;
      else expect(now).toBe(routeLookup(before, url(item))[0]);
    }
    expect(moved / 2000).toBeGreaterThan(0.7 / (count + 1));
    expect(moved / 2000).toBeLessThan(1.3 / (count + 1));
  },
);

test('a hot URL that outgrows its server goes to the next of its own order, beside what the others do', () => {
  const servers = Array.from({ length: 6 }, (_, index) => server(index, 200));
  const [first, second, ...rest] = rankServers(servers, url(1));
  for (let lookup = 0; lookup < 100; lookup += 1) routeLookup(servers, url(1))[0]!.lookups += 1;
  expect(first!.lookups).toBeGreaterThan(250);
  expect(second!.lookups).toBeGreaterThan(220);
  expect(rest.every(({ lookups }) => lookups === 200)).toBe(true);
});

const answerWithOwnName = ({ reply }: ScriptedLookup, { address }: ScriptedServer): void =>
  reply(...wholeResponse(address));

test('a URL is asked of the same server each time, and of the next while that one is silent', async () => {
  let silent: string | undefined;
  const script = {
    lookup: (lookup: ScriptedLookup, own: ScriptedServer): void => {
      if (own.address !== silent) answerWithOwnName(lookup, own);
    },
  };
  const [one, two, three] = await Promise.all([serve(script), serve(script), serve(script)]);
  const transport = connectTo(
    [one, two, three].map(({ address }) => address),
    { ackTimeoutMs: 60, connectTimeoutMs: 300 },
  );
  const asked = urlForFirst(two, [one, three]);
  const servedBy = async (): Promise<string> => {
    const answer = await transport.lookup(get(asked));
    return answer.kind === 'response' && answer.body.kind === 'whole'
      ? Buffer.from(answer.body.bytes).toString()
      : '';
  };
  const home = two.address;
  for (let turn = 0; turn < 5; turn += 1) expect(await servedBy()).toBe(home);
  silent = home;
  const next = await servedBy();
  expect(next).not.toBe(home);
  expect(await servedBy()).toBe(next);
  silent = undefined;
  await expect.poll(servedBy, { timeout: 15_000 }).toBe(home);
});

test('a server without credits is passed over', async () => {
  const full = await serve({ credits: 1, lookup: ({ reply }) => reply({ case: 'ack', value: {} }) });
  const other = await serve({ lookup: answerWithOwnName });
  const transport = connectTo([full.address, other.address]);
  const asked = urlForFirst(full, [other]);
  const stuck = transport.lookup(get(asked)).catch(() => undefined);
  await expect
    .poll(() => transport.state().some(({ status }) => status === 'up'), { timeout: 10_000 })
    .toBe(true);
  expect(await transport.lookup(get(asked))).toMatchObject({ kind: 'response' });
  transport.close();
  await stuck;
});
