import { create } from '@bufbuild/protobuf';
import { WarmRequestSchema } from '@pannier/proto';
import { expect, test } from 'vitest';
import { grpcError } from './rpc-error.ts';
import { warm } from './warm-call.ts';
import { MemoryJobQueue } from '../jobs/memory-job-queue.ts';
import { systemClock } from '../clock.ts';
import { status } from '@grpc/grpc-js';

const LIMITS = {
  jobItemsMax: 10,
  heartbeatMs: 1000,
  jobsMax: 10,
  jobsAtOnceMax: 1,
  jobItemsAtOnceMax: 1,
  jobDeadlineMs: 10_000,
};

/** Asks for a job; the headers that its requests were sent with. */
async function warmed(urls: string[], headers: [string, string][]): Promise<readonly (readonly string[])[]> {
  const sent = Promise.withResolvers<readonly (readonly string[])[]>();
  const work = {
    warmUrl: async (_url: string, given: readonly (readonly string[])[]) => sent.resolve(given),
    warmDataset: async () => undefined,
  };
  const jobs = new MemoryJobQueue({ work, limits: LIMITS, clock: systemClock, count: () => undefined });
  const fields = headers.map(([name, value]) => ({ name: Buffer.from(name), value: Buffer.from(value) }));
  await warm(create(WarmRequestSchema, { urls, headers: fields }), { jobs, limits: LIMITS });
  return await sent.promise;
}

test('headers that tell entries apart go with the job', async () => {
  const headers: [string, string][] = [
    ['Accept-Encoding', 'gzip'],
    ['x-tenant', 'a'],
  ];
  expect(await warmed(['http://a.example/'], headers)).toEqual(headers);
});

test.each(['authorization', 'Cookie', 'Proxy-Authorization', 'X-Api-Key'])(
  'the header %s is refused by its name, and its value is not repeated: jobs lie in Redis',
  async (name) => {
    const refused = warmed(
      ['http://a.example/'],
      [
        ['accept', '*/*'],
        [name, 'hush'],
      ],
    );
    const error: unknown = await refused.catch((reason: unknown) => reason);
    const { code, details } = grpcError(error);
    expect(code).toBe(status.INVALID_ARGUMENT);
    expect(details).toMatch(new RegExp(`^headers\\[1\\]: ${name}: `));
    expect(details).not.toContain('hush');
  },
);

test.each(['http://user:hush@a.example/', 'https://hush@a.example/x'])(
  'the URL %s is refused, since it names a user',
  async (url) => {
    const error: unknown = await warmed([url], []).catch((reason: unknown) => reason);
    expect(grpcError(error)).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'urls[0]: names a user, which shared requests cannot',
    });
  },
);
