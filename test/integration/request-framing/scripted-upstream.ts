/** An upstream on bare TCP that answers each path with bytes that no HTTP library would send. */
import { ending, rawUpstream, speak } from '../raw-peers.ts';

/** How a request goes upstream: by the cache server's shared fetch, or by the proxy's own forwarding. */
export const WAYS = ['cache', 'pass-through'] as const;
export type Way = (typeof WAYS)[number];

/** What the tests ask of it. */
export interface ScriptedUpstream extends AsyncDisposable {
  readonly url: string;
  /** How many requests for a path have arrived. */
  asked(path: string): number;
}

/** @param replies bytes in latin1 by path; one that says `Connection: close` is followed by the end */
export async function startScriptedUpstream(
  replies: Readonly<Record<string, string>>,
): Promise<ScriptedUpstream> {
  const asked = new Map<string, number>();
  const upstream = await rawUpstream((socket) => {
    let head = '';
    socket.on('data', (chunk: Buffer) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      const path = /^\S+ (\/\S*)/.exec(head)?.[1] ?? '';
      head = '';
      asked.set(path, (asked.get(path) ?? 0) + 1);
      const reply = replies[path] ?? 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n';
      socket.write(Buffer.from(reply, 'latin1'), () => {
        if (reply.includes('Connection: close')) socket.end();
      });
    });
  });
  return {
    url: upstream.url,
    asked: (path) => asked.get(path) ?? 0,
    [Symbol.asyncDispose]: async () => await upstream[Symbol.asyncDispose](),
  };
}

/** All that a client gets for one request, and how its connection ends. */
export async function receive(
  proxyPort: number,
  url: string,
  { way, method = 'GET' }: { way: Way; method?: string },
): Promise<{ text: string; end: 'closed' | 'reset' }> {
  const credentials = way === 'pass-through' ? 'Authorization: Basic eA==\r\n' : '';
  const { host } = new URL(url);
  const head = `${method} ${url} HTTP/1.1\r\nHost: ${host}\r\n${credentials}Connection: close\r\n\r\n`;
  return await ending(await speak(proxyPort, head));
}
