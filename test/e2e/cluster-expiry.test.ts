/** The short form; `npm run bench -- cluster --full` has 5,000 clients. */
import { expect, it, vi } from 'vitest';
import { atExpiry, whileRevalidating } from '../load/expiry.ts';
import type { ExpiryReport } from '../load/expiry.ts';

// Several processes start for each test, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const CLIENTS = 500;

/** On a machine that is so busy that leases end before their time, which the servers count, each of them may cost one more. */
function expectAskedOnce({ asked, stops }: ExpiryReport): void {
  expect(asked).toBeGreaterThan(0);
  expect(asked).toBeLessThanOrEqual(1 + stops);
}

it('at expiry many clients of three servers cost one conditional request', async () => {
  const report = await atExpiry(CLIENTS);
  expect(report).toMatchObject({ failures: {}, good: CLIENTS, conditional: report.asked });
  expectAskedOnce(report);
  // Each client is a request of its own at a server, and two of the three servers follow the third.
  expect(report.lookups).toBe(CLIENTS);
  expect(report.followerFlights).toBeGreaterThanOrEqual(2);
});

it('with stale-while-revalidate nobody waits for an upstream that does not answer', async () => {
  const report = await whileRevalidating(CLIENTS);
  expect(report).toMatchObject({ failures: {}, good: CLIENTS, answeredMeanwhile: 0 });
  expectAskedOnce(report);
  // Those that ask afterwards whether it is fresh by now are among them.
  expect(report.lookups).toBeGreaterThanOrEqual(CLIENTS);
  expect(report.followerFlights).toBeGreaterThanOrEqual(2);
});
