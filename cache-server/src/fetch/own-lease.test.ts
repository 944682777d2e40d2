import { expect, it } from 'vitest';
import { startTestCluster } from './cluster.fixture.ts';
import { readBody } from '../get-entry.fixture.ts';
import { heldAnswers, until } from './held-answers.fixture.ts';
import type { LeaseStore } from '../lease/lease-store.ts';

it('who asks for itself does so by a lease: what was asked for last stays, whatever the clocks say', async () => {
  const { answer, sent } = heldAnswers();
  // What another version of the server tells, nobody here can follow.
  const read: LeaseStore['read'] = async (_name, holder) => {
    return { records: [{ id: '1', bytes: Buffer.from('of another version') }], holder };
  };
  const leasesOf = (_server: number, leases: LeaseStore): LeaseStore => ({
    take: async (name) => await leases.take(name),
    renew: async (...lease) => await leases.renew(...lease),
    release: async (...lease) => await leases.release(...lease),
    append: async (...batch) => await leases.append(...batch),
    onNews: (...listener) => leases.onNews(...listener),
    read,
  });
  const cluster = await startTestCluster({ answer, leasesOf, aheadMs: [0, 10_000, 0] });
  const answers: Promise<Buffer>[] = [];
  for (const server of [0, 1, 2]) {
    const body = cluster.get(server, '/a').then(async (got) => await readBody(got.body));
    answers.push(body);
    await until(() => sent.length === server + 1);
    sent[server]!.writeHead(200, { 'cache-control': 'max-age=60' }).write('asked ');
  }
  for (const server of [2, 1, 0]) {
    sent[server]!.end(`as number ${server}`);
    expect(String(await answers[server])).toBe(`asked as number ${server}`);
    await until(() => cluster.services[server]!.activity().flights === 0);
  }
  const { outcome, body } = await cluster.get(0, '/a');
  expect([outcome, String(await readBody(body))]).toEqual(['hit', 'asked as number 2']);
});
