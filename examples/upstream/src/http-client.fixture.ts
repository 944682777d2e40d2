import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';

/** A whole response, its body as it was on the wire. */
export interface WholeResponse {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Sends one request on a connection of its own and reads the whole response; decodes nothing. */
export async function send(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<WholeResponse> {
  const { method = 'GET', headers = {}, body } = options;
  const outgoing = request(url, { method, headers, agent: false });
  outgoing.end(body);
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) };
}

/** As {@link send}, with the body parsed. */
export async function sendJson<Value>(url: string, options?: Parameters<typeof send>[1]): Promise<Value> {
  return JSON.parse((await send(url, options)).body.toString()) as Value;
}

/** What a TCP client saw until the connection was over. */
export interface RawResponse {
  head: string;
  body: Buffer;
  /** How the server went: by FIN, or by RST. */
  ending: 'close' | 'reset';
}

/** Sends one GET by hand and keeps every byte that comes back, framing included. */
export async function sendRaw(port: number, target: string): Promise<RawResponse> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET ${target} HTTP/1.1\r\nHost: upstream\r\n\r\n`);
  const chunks: Buffer[] = [];
  let ending: RawResponse['ending'] = 'close';
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') ending = 'reset';
  });
  await new Promise((resolve) => void socket.once('close', resolve));
  const bytes = Buffer.concat(chunks);
  const headEnd = bytes.indexOf('\r\n\r\n');
  return { head: bytes.toString('latin1', 0, headEnd), body: bytes.subarray(headEnd + 4), ending };
}

/** Polls until the condition holds; the test's own timeout is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => void setTimeout(resolve, 5));
}
