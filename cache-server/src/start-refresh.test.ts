import { parseConfig } from '@pannier/runtime';
import { expect, test } from 'vitest';
import { refreshFaults } from './start-refresh.ts';

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
