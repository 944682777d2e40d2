/** An upstream on bare TCP that keeps every byte it gets, answers every request it can read, and keeps its connections open. */
import type { Socket } from 'node:net';
import { rawUpstream } from '../raw-peers.ts';
import { readStrictly } from './strict-reader.ts';
import type { ReadRequest } from './strict-reader.ts';

/** What the tests ask of it. */
export interface RecordingUpstream extends AsyncDisposable {
  readonly host: string;
  readonly url: string;
  /** All that arrived and reads as a request, by connection. */
  connections(): (readonly ReadRequest[])[];
  /** Whether a request for that path arrived as one of its own, or in bytes that some reader could take for one. */
  hasSeen(path: string): boolean;
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: no-store\r\n\r\n';

/** Requests for `/slow` are never answered. */
export async function startRecordingUpstream(): Promise<RecordingUpstream> {
  const arrived: string[] = [];
  const upstream = await rawUpstream((socket: Socket) => {
    const at = arrived.push('') - 1;
    let answered = 0;
    socket.on('data', (chunk: Buffer) => {
      arrived[at] += chunk.toString('latin1');
      const { requests } = readStrictly(arrived[at] ?? '');
      for (const { line } of requests.slice(answered)) {
        if (!line.includes('/slow')) socket.write(line.startsWith('HEAD') ? OK : `${OK}ok`);
      }
      answered = requests.length;
    });
  });
  return {
    host: upstream.url.slice('http://'.length),
    url: upstream.url,
    connections: () => arrived.map((bytes) => readStrictly(bytes).requests),
    hasSeen: (path) =>
      arrived.some((bytes) => {
        const { requests, fault } = readStrictly(bytes);
        return requests.some(({ line }) => line.includes(path)) || (fault !== '' && bytes.includes(path));
      }),
    [Symbol.asyncDispose]: async () => await upstream[Symbol.asyncDispose](),
  };
}
