/** What an upstream with a version endpoint is asked, and in which order, by two servers over a real Redis. */
import { expect, test, vi } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { pannier } from '../fixture/pannier-command.ts';
import { startCountingUpstream } from './counting-upstream.ts';

// Several processes start, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 180_000 });

const CLIENTS = 20;

test('the version endpoint is asked first, once for all servers; only where it tells of another version the ETag is', async () => {
  await using upstream = await startCountingUpstream();
  const [seen, state] = [[] as string[], { version: 1 }];
  upstream.answer = ({ url = '', headers }, response) => {
    const condition = headers['if-none-match'];
    seen.push(condition === undefined ? url : `${url} ${condition}`);
    const tag = `"${state.version}"`;
    if (url === '/version') response.writeHead(200).end(JSON.stringify({ version: state.version }));
    else if (condition === tag) response.writeHead(304, { etag: tag }).end();
    else
      response.writeHead(200, { etag: tag, 'cache-control': 'max-age=600' }).end(`content ${state.version}`);
  };
  const versionEndpoints = [{ match: '/documents/*', path: '/version', pointer: '/version' }];
  await using mesh = await startMesh({
    store: 'redis',
    servers: 2,
    proxies: 2,
    isPinned: true,
    // On a busy machine Redis is slow, which is not to be taken for away.
    redisSettings: { commandTimeoutMs: '20s' },
    config: {
      proxy: { nearCacheBytesMax: 0 },
      upstreams: { api: { url: upstream.url, versionEndpoints } },
    },
  });
  const url = `${upstream.url}/documents/1`;
  const bodies = async (count: number): Promise<string[]> => {
    const asks = Array.from({ length: count }, async (_, i) => await curl(url, mesh.proxyUrl(i % 2)));
    return (await Promise.all(asks)).map(({ body }) => body.toString());
  };
  /** What the upstream is asked when many ask at both servers for what was just made stale; each may be behind for a moment. */
  const whenStale = async (body: string): Promise<string[]> => {
    seen.length = 0;
    const { code, err } = await pannier(['purge', '--soft', '-s', mesh.serverAddress(0), url]);
    expect({ code, err }).toMatchObject({ code: 0 });
    await bodies(CLIENTS);
    await eventually(async () => expect(await bodies(2)).toEqual([body, body]));
    return [...seen];
  };

  expect(await bodies(1)).toEqual(['content 1']);
  expect(seen).toEqual(['/documents/1']);
  // Nothing was told yet of what is stored.
  expect(await whenStale('content 1')).toEqual(['/version', '/documents/1 "1"']);
  expect(await whenStale('content 1')).toEqual(['/version']);
  state.version = 2;
  expect(await whenStale('content 2')).toEqual(['/version', '/documents/1 "1"']);
  expect(await whenStale('content 2')).toEqual(['/version']);
});
