import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, errorAnswer, jsonAnswer } from './answer.ts';
import { type Sending, sendAnswer } from './answer-sender.ts';
import type { ControlDesk } from './control.ts';
import { type ControlSettings, defaultSettings, settingsFor } from './control-settings.ts';
import { UpstreamError } from './errors.ts';
import type { UpstreamLogger } from './logger.ts';
import type { OpenSockets } from './open-sockets.ts';
import type { RequestCounts, Visit } from './request-counts.ts';
import { type RequestTarget, readTarget } from './request-target.ts';
import { findResource, type Resource } from './resource.ts';
import { statusAnswer } from './resources/status.ts';

/** What the handler works with. */
export interface UpstreamParts {
  resources: readonly Resource[];
  control: ControlDesk;
  counts: RequestCounts;
  sockets: OpenSockets;
  now: () => number;
  random: () => number;
  logger: UpstreamLogger;
}

interface Exchange {
  request: IncomingMessage;
  /** Kept here because the request lets go of it when it is destroyed. */
  socket: Socket;
  method: string;
  target: RequestTarget;
  resource: Resource | undefined;
  visit: Visit | undefined;
  signal: AbortSignal;
}

function beginExchange(parts: UpstreamParts, request: IncomingMessage, response: ServerResponse): Exchange {
  const { method = 'GET', headers } = request;
  const target = readTarget(request.url ?? '/');
  const resource = findResource(parts.resources, target.path);
  const conditional = 'if-none-match' in headers || 'if-modified-since' in headers;
  const visit =
    resource?.backstage === true ? undefined : parts.counts.begin({ method, path: target.path, conditional });
  const left = new AbortController();
  response.once('close', () => {
    left.abort();
    visit?.end(response.writableFinished);
  });
  return { request, socket: request.socket, method, target, resource, visit, signal: left.signal };
}

/** A failed write is told before the response closes: the socket knows first. */
function isGone({ signal, socket }: Exchange): boolean {
  return signal.aborted || socket.destroyed;
}

/** Decides the answer: the fault that was asked for, else what the resource says. */
async function decide(parts: UpstreamParts, exchange: Exchange, settings: ControlSettings): Promise<Answer> {
  const { request, method, target, resource } = exchange;
  const random = settings.errorRate > 0 ? parts.random() : 1;
  if (random < settings.errorRate) return jsonAnswer(503, { error: 'an error was asked for by errorRate' });
  if (resource === undefined) {
    const listed = parts.resources.map(({ usage }) => usage);
    return jsonAnswer(404, { error: `nothing at ${target.path}`, resources: listed });
  }
  const { methods } = resource;
  if (methods !== undefined && !methods.includes(method)) {
    const allowed = methods.join(', ');
    return jsonAnswer(405, { error: `${method} is not among ${allowed}` }, [['Allow', allowed]]);
  }
  const forcedStatus = target.query.get('status');
  if (forcedStatus !== null && resource.ownsStatus !== true) return statusAnswer('status', forcedStatus);
  return resource.answer({
    ...target,
    method,
    headers: request.headers,
    message: request,
    maxAgeS: settings.maxAgeS,
    nowMs: parts.now(),
  });
}

async function serve(parts: UpstreamParts, exchange: Exchange, response: ServerResponse): Promise<void> {
  const { method, target, visit, signal } = exchange;
  const sending: Sending = {
    method,
    settings: defaultSettings,
    visit,
    sockets: parts.sockets,
    nowMs: parts.now(),
    signal,
  };
  try {
    const settings =
      visit === undefined ? defaultSettings : settingsFor(target.query, parts.control.settings);
    if (settings.latencyMs > 0) await delay(settings.latencyMs, undefined, { signal });
    const answer = await decide(parts, exchange, settings);
    await sendAnswer(response, answer, { ...sending, settings, nowMs: parts.now() });
  } catch (error) {
    if (isGone(exchange)) return;
    if (!(error instanceof UpstreamError))
      parts.logger.error({ err: error, path: target.path }, 'request failed');
    if (response.headersSent) response.destroy();
    else await sendAnswer(response, errorAnswer(error), sending);
  }
}

/** Makes the listener of node:http's `request` event. It never rejects. */
export function requestHandler(
  parts: UpstreamParts,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const exchange = beginExchange(parts, request, response);
    // A write that the leaving client overtakes ends here; the visit counts it when the response closes.
    response.on('error', () => response.destroy());
    serve(parts, exchange, response).catch((error: unknown) => {
      if (!isGone(exchange)) parts.logger.error({ err: error, path: exchange.target.path }, 'answer failed');
      response.destroy();
    });
  };
}
