import { describe, expect, it } from 'vitest';
import { header, readBody, startEntries } from '../get-entry.fixture.ts';
import type { TestEntries } from '../get-entry.fixture.ts';

/** An upstream whose answer depends on headers that it names in Vary, and says which it saw. */
async function varying(names: readonly string[], upstream: object = {}): Promise<TestEntries> {
  return await startEntries({
    upstream,
    answer: (request, response) => {
      const seen = names.map((name) => `${name}=${String(request.headers[name] ?? '')}`).join(' ');
      response.setHeader('cache-control', 'max-age=60').setHeader('vary', names.join(', ')).end(seen);
    },
  });
}

async function body(entries: TestEntries, headers: [string, string][]): Promise<string> {
  return (await readBody((await entries.get('/a', headers)).body)).toString();
}

describe('responses that vary', () => {
  it('answer only requests that say the same in the headers they name', async () => {
    const entries = await varying(['x-region']);
    expect(await body(entries, [['X-Region', 'eu']])).toBe('x-region=eu');
    await entries.landed();
    const before = entries.upstream.requests.length;
    expect(await body(entries, [['X-Region', 'eu']])).toBe('x-region=eu');
    expect(entries.upstream.requests.length).toBe(before);
    expect(await body(entries, [['X-Region', 'us']])).toBe('x-region=us');
    expect(await body(entries, [])).toBe('x-region=');
    await entries.landed();
    const after = entries.upstream.requests.length;
    for (const region of ['eu', 'us'])
      expect(await body(entries, [['x-region', region]])).toBe(`x-region=${region}`);
    expect(entries.upstream.requests.length).toBe(after);
  });

  it('that are waited for together go to those whose headers they are for', async () => {
    const entries = await varying(['x-region']);
    const regions = ['eu', 'us', 'eu', 'us', 'jp', 'eu'];
    const got = await Promise.all(regions.map(async (region) => await body(entries, [['x-region', region]])));
    expect(got).toEqual(regions.map((region) => `x-region=${region}`));
    // One that taught what it varies by, and one for each region.
    expect(entries.upstream.requests.length).toBeLessThanOrEqual(4);
  });

  it('need one request where the upstream gets all headers', async () => {
    const entries = await varying(['x-region'], { forwardHeaders: ['*'] });
    expect(await body(entries, [['x-region', 'eu']])).toBe('x-region=eu');
    await entries.landed();
    expect(await body(entries, [['x-region', 'eu']])).toBe('x-region=eu');
    expect(entries.upstream.requests).toHaveLength(1);
  });

  it('are all removed with their URL, and no more of them are kept than the limit', async () => {
    const entries = await varying(['x-region']);
    for (let at = 0; at < 70; at += 1) {
      await body(entries, [['x-region', `r${at}`]]);
      await entries.landed();
    }
    const before = entries.upstream.requests.length;
    await body(entries, [['x-region', 'r69']]);
    expect(entries.upstream.requests.length).toBe(before);
    await body(entries, [['x-region', 'r0']]);
    expect(entries.upstream.requests.length).toBe(before + 1);
    await entries.landed();
    await entries.invalidate('url', '/a');
    await body(entries, [['x-region', 'r69']]);
    expect(entries.upstream.requests.length).toBeGreaterThan(before + 1);
  });

  it('are found again by what was written down, when the memory of it is gone', async () => {
    const entries = await varying(['x-region']);
    expect(await body(entries, [['x-region', 'eu']])).toBe('x-region=eu');
    await entries.landed();
    const before = entries.upstream.requests.length;
    // Longer than what a key varies by is remembered without looking.
    entries.clock.pass(31_000);
    expect(await body(entries, [['x-region', 'eu']])).toBe('x-region=eu');
    expect(entries.upstream.requests.length).toBe(before);
  });

  it('by anything, or by credentials, are for one caller each', async () => {
    for (const name of ['*', 'cookie']) {
      const entries = await varying([name]);
      await entries.get('/a');
      await entries.landed();
      expect((await entries.ask('/a')).kind).toBe('bypass');
    }
  });
});

describe('a stale response', () => {
  async function answering(
    headers: Record<string, string>,
  ): Promise<TestEntries & { fail: (status: number) => void }> {
    let failing = 0;
    let count = 0;
    const entries = await startEntries({
      answer: (_request, response) => {
        count += 1;
        if (failing === -1) response.destroy();
        else if (failing > 0) response.writeHead(failing).end('failed');
        else response.writeHead(200, headers).end(`body ${count}`);
      },
    });
    return { ...entries, fail: (status) => (failing = status) };
  }

  it('answers while the upstream is asked behind its back, by one request however many ask', async () => {
    const entries = await answering({ 'cache-control': 'max-age=10, stale-while-revalidate=30' });
    await entries.get('/a');
    await entries.landed();
    entries.clock.pass(11_000);
    const answers = await Promise.all(Array.from({ length: 20 }, async () => await entries.get('/a')));
    for (const answer of answers) {
      expect(answer.outcome).toBe('stale-while-revalidate');
      expect((await readBody(answer.body)).toString()).toBe('body 1');
    }
    await entries.landed();
    expect(entries.upstream.requests).toHaveLength(2);
    const fresh = await entries.get('/a');
    expect([fresh.outcome, (await readBody(fresh.body)).toString()]).toEqual(['hit', 'body 2']);
  });

  it.each([503, -1])('answers for %s within stale-if-error, and not after it', async (failure) => {
    const entries = await answering({ 'cache-control': 'max-age=10, stale-if-error=60', etag: '"a"' });
    await entries.get('/a');
    await entries.landed();
    entries.fail(failure);
    entries.clock.pass(30_000);
    const stale = await entries.get('/a');
    expect([stale.outcome, stale.status, header(stale, 'age')]).toEqual(['stale-if-error', 200, '30']);
    entries.clock.pass(60_000);
    if (failure === -1)
      await expect(entries.get('/a')).rejects.toMatchObject({ code: 'upstream-unreachable' });
    else expect((await entries.get('/a')).status).toBe(503);
  });

  it('answers who asks for no better', async () => {
    const entries = await answering({ 'cache-control': 'max-age=10' });
    await entries.get('/a');
    await entries.landed();
    entries.clock.pass(15_000);
    expect((await entries.get('/a', [['cache-control', 'max-stale=10']])).outcome).toBe('stale-allowed');
    expect((await entries.get('/a', [['cache-control', 'max-stale=2']])).outcome).toBe('refreshed');
  });
});
