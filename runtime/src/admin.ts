import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Registry } from '@prometheus-io/client';
import { listenOrExplain } from './listening.ts';

/** Whether new work may be sent here; the reason, one line, is shown to whoever asks why not. */
export interface Readiness {
  readonly ok: boolean;
  readonly reason?: string | undefined;
}

export interface AdminOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** The flag that changes the port, for the line about a busy one. Default: `--admin-port`. */
  readonly flag?: string;
  readonly ready: () => Readiness;
  readonly metrics: Registry;
}

export interface Admin {
  /** The port it listens on. */
  readonly port: number;
  /** Lets answers under way finish, for a second at most. */
  close(): Promise<void>;
}

/** Probes and scrapes are small and few: what is slow or many is not one of them. */
const adminLimits = {
  connectionsMax: 128,
  requestTimeoutMs: 10_000,
  closeTimeoutMs: 1000,
  headerBytesMax: 16_384,
};

/**
 * Serves `/livez`, `/readyz` (503 with the reason while not ready) and `/metrics` over HTTP.
 * @throws PortBusyError, RuntimeError as {@link listenOrExplain}
 */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const server = createServer(
    { requestTimeout: adminLimits.requestTimeoutMs, maxHeaderSize: adminLimits.headerBytesMax },
    (request, response) => void answer(request, response, options),
  );
  server.maxConnections = adminLimits.connectionsMax;
  const { host, port, flag = '--admin-port' } = options;
  const address = await listenOrExplain(server, { host, port, flag });
  return { port: address.port, close: () => close(server) };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  admin: AdminOptions,
): Promise<void> {
  try {
    const { status, text, ...headers } = await replyTo(request, admin);
    response.writeHead(status, {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      ...headers,
    });
    response.end(text);
  } catch (error) {
    // A gauge or a probe that reads a broken part must not take the process down with it.
    response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`failed: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

type Reply = { status: number; text: string } & { [header: string]: string | number };

async function replyTo(request: IncomingMessage, { ready, metrics }: AdminOptions): Promise<Reply> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, text: 'only GET and HEAD\n', allow: 'GET, HEAD' };
  }
  switch (request.url?.split('?', 1)[0]) {
    case '/livez':
      return { status: 200, text: 'ok\n' };
    case '/readyz': {
      const { ok, reason } = ready();
      return ok ? { status: 200, text: 'ok\n' } : { status: 503, text: `${reason ?? 'not ready'}\n` };
    }
    case '/metrics':
      return { status: 200, text: await metrics.metrics(), 'content-type': metrics.contentType };
    default:
      return { status: 404, text: 'try /livez, /readyz or /metrics\n' };
  }
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const giveUp = setTimeout(() => server.closeAllConnections(), adminLimits.closeTimeoutMs);
  await closed;
  clearTimeout(giveUp);
}
