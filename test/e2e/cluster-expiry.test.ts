/** The short form; `npm run bench -- cluster --full` has 5,000 clients. */
import { expect, it, vi } from 'vitest';
import { atExpiry, whileRevalidating } from '../load/expiry.ts';

// Several processes start for each test, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const CLIENTS = 500;

it('at expiry many clients of three servers cost one conditional request', async () => {
  const report = await atExpiry(CLIENTS);
  expect(report).toMatchObject({ failures: {}, good: CLIENTS, asked: 1, conditional: 1 });
  // Each client is a request of its own at a server, and two of the three servers follow the third.
  expect(report.lookups).toBe(CLIENTS);
  expect(report.followerFlights).toBeGreaterThanOrEqual(2);
});

it('with stale-while-revalidate nobody waits for an upstream that does not answer', async () => {
  const report = await whileRevalidating(CLIENTS);
  expect(report).toMatchObject({ failures: {}, good: CLIENTS, answeredMeanwhile: 0 });
  expect(report.asked).toBe(1);
  // Those that ask afterwards whether it is fresh by now are among them.
  expect(report.lookups).toBeGreaterThanOrEqual(CLIENTS);
  expect(report.followerFlights).toBeGreaterThanOrEqual(2);
});
