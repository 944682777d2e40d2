import type { ServerResponse } from 'node:http';
import { type Answer, type HeaderPair, isBodiless } from './answer.ts';
import { transferBody } from './body-transfer.ts';
import type { ControlSettings, CutMode } from './control-settings.ts';
import type { OpenSockets } from './open-sockets.ts';
import type { Visit } from './request-counts.ts';
import { cutResponse } from './response-cut.ts';

/** The circumstances that an answer is sent under. */
export interface Sending {
  method: string;
  settings: ControlSettings;
  /** Absent for requests that are not counted. */
  visit: Visit | undefined;
  sockets: OpenSockets;
  nowMs: number;
  /** Fires when the client is gone. */
  signal: AbortSignal;
}

/** How the body is delimited on the wire (RFC 9112 §6.3). */
type Framing = 'none' | 'length' | 'chunked' | 'close';

const framingOfCut: Record<CutMode, Framing> = {
  'content-length': 'length',
  chunked: 'chunked',
  reset: 'close',
};

function framingOf(answer: Answer, cutMode: CutMode | undefined): Framing {
  if (isBodiless(answer.status)) return 'none';
  if (cutMode !== undefined) return framingOfCut[cutMode];
  return answer.chunked === true ? 'chunked' : 'length';
}

function framingHeaders(framing: Framing, bodyBytes: number): HeaderPair[] {
  if (framing === 'length') return [['Content-Length', String(bodyBytes)]];
  if (framing === 'chunked') return [['Transfer-Encoding', 'chunked']];
  return framing === 'close' ? [['Connection', 'close']] : [];
}

/**
 * Sends an answer: head, then the body at its pace, whole or up to the cut. Rejects with an AbortError when the client
 * leaves in between.
 */
export async function sendAnswer(response: ServerResponse, answer: Answer, sending: Sending): Promise<void> {
  const { method, settings, visit, signal } = sending;
  const { from, to } = answer.slice ?? { from: 0, to: answer.body.byteLength };
  const bodyBytes = to - from;
  const hasBody = method !== 'HEAD' && !isBodiless(answer.status);
  const cutAfterBytes = settings.cutAfterBytes ?? Infinity;
  const cutMode = hasBody && bodyBytes > cutAfterBytes ? settings.cutMode : undefined;
  const framing = framingOf(answer, cutMode);

  // Named away before writeHead, else node would choose the chunked coding for a body without a length.
  if (framing === 'close') response.removeHeader('Transfer-Encoding');
  response.sendDate = false;
  const date: HeaderPair = ['Date', new Date(sending.nowMs).toUTCString()];
  const headers = [date, ...answer.headers, ...framingHeaders(framing, bodyBytes)];
  visit?.answered(answer.status);
  response.writeHead(answer.status, headers.flat());

  if (hasBody) {
    await transferBody(response, {
      body: answer.body,
      from,
      to: Math.min(to, from + cutAfterBytes),
      bytesPerSecond: settings.bytesPerSecond,
      signal,
      onSent: (bytes) => visit?.sent(bytes),
    });
  }
  if (cutMode === undefined) return void response.end();
  visit?.count('cut');
  await cutResponse(response, cutMode, sending.sockets);
}
