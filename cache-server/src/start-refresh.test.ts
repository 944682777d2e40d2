import { createMetrics, parseConfig } from '@pannier/runtime';
import { expect, test } from 'vitest';
import { CacheServerError } from './errors.ts';
import { ManualClock } from './get-entry.fixture.ts';
import { refreshFaults, startRefresh } from './start-refresh.ts';

/** The faults of one rule, each as its path below the rule and why. */
function faultsOf(rule: string, upstream = ''): string[] {
  const text = `upstreams: {a: {url: "http://a.example", ${upstream} refresh: [{path: /x, ${rule}}]}}`;
  const faults = [...refreshFaults(parseConfig(text, { env: {} }))];
  return faults.map(({ path, why }) => {
    expect(path.slice(0, 4)).toEqual(['upstreams', 'a', 'refresh', 0]);
    expect(why).not.toContain('hush');
    return `${path.slice(4).join('.')}: ${why}`;
  });
}

test('a pattern that is none is a fault, and so is one that is never due', () => {
  expect(faultsOf('cron: "99 * * * *"')).toEqual([expect.stringMatching(/^cron: CronPattern: Invalid/)]);
  for (const never of ['0 0 31 2 *', '0 0 30 2 *', '0 0 31 4,6,9,11 *'])
    expect(faultsOf(`cron: "${never}"`)).toEqual([`cron: ${never} is never due`]);
  // In a leap year, and once only.
  for (const seldom of ['0 0 29 2 *', '0 0 0 1 1 * 2020'])
    expect(faultsOf(`cron: "${seldom}", timeZone: Europe/Berlin`)).toEqual([]);
});

test.each(['authorization', 'cookie', 'x-api-key'])(
  'the header %s is a fault, unless what answers it may be stored',
  (name) => {
    const rule = `every: 5s, headers: {accept: a/b, ${name}: hush}`;
    const why = `headers.${name}: a request with it is not cached (bypass-credentials)`;
    expect(faultsOf(rule)).toEqual([expect.stringContaining(why)]);
    for (const credentials of ['rfc', 'keyed'])
      expect(faultsOf(rule, `credentials: ${credentials},`)).toEqual([]);
  },
);

test.each([
  ['proxy-authorization: hush', 'bypass-credentials'],
  ['if-match: "x"', 'bypass-precondition'],
  ['cache-control: no-store', 'bypass-no-store-request'],
])('the header %s is a fault whatever is done with credentials', (header, reason) => {
  for (const credentials of ['never', 'rfc', 'keyed']) {
    const faults = faultsOf(`every: 5s, headers: {${header}}`, `credentials: ${credentials},`);
    expect(faults).toEqual([expect.stringContaining(`(${reason})`)]);
  }
});

test('a fetch that fails is one line without a stack, told again when it fails in another way, after a success, or after a while', async () => {
  const clock = new ManualClock();
  const lines: [fields: object, text: string][] = [];
  let failure: Error | undefined;
  const text = 'upstreams: {a: {url: "http://a.example", refresh: [{path: /x, every: 60s}]}}';
  const schedule = startRefresh({
    config: parseConfig(text, { env: {} }),
    entries: { warm: () => (failure === undefined ? Promise.resolve() : Promise.reject(failure)) },
    claims: undefined,
    clock,
    random: () => 0,
    logger: { warn: (...line: unknown[]) => void lines.push(line as [object, string]) } as never,
    metrics: createMetrics('test'),
  });
  const told = async (error: Error | undefined, times = 1): Promise<unknown[]> => {
    failure = error;
    for (let i = 0; i < times; i += 1) {
      clock.pass(60_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return lines.splice(0);
  };
  const away = new CacheServerError('upstream-unreachable', 'a refused the connection');
  const line = [
    { upstream: 'a', path: '/x', code: 'upstream-unreachable' },
    'a fetch by the clock failed: a refused the connection',
  ];
  expect(await told(away)).toEqual([line]);
  const limited = new CacheServerError('upstream-limited', 'a wants to be left in peace');
  expect(await told(limited)).toHaveLength(1);
  for (const one of [away, limited, away]) expect(await told(one)).toEqual([]);
  expect(await told(away, 5)).toEqual([]);
  expect(await told(away)).toEqual([line]);
  expect(await told(undefined)).toEqual([]);
  expect(await told(away)).toEqual([line]);
  const bug = new TypeError('x is not a function');
  expect(await told(bug)).toEqual([
    [{ upstream: 'a', path: '/x', err: bug }, 'a fetch by the clock failed: x is not a function'],
  ]);
  schedule.close();
});
