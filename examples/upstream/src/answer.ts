import { type Body, bufferBody, emptyBody } from './body.ts';
import { UpstreamError } from './errors.ts';

/** Header fields in the order in which they are sent. */
export type HeaderPair = [name: string, value: string];

/** A decided response, before any fault is put into its transfer. */
export interface Answer {
  status: number;
  headers: HeaderPair[];
  body: Body;
  /** The part of the body to send, `to` excluded; the whole of it when absent. */
  slice?: { from: number; to: number };
  /** True sends the body chunked, without a Content-Length. Default false. */
  chunked?: boolean;
}

/** RFC 9110 §6.4.1: these never carry content, so they carry no Content-Length either. */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 304;
}

/** A small JSON document; `no-store` unless the headers say otherwise. */
export function jsonAnswer(status: number, value: unknown, headers: HeaderPair[] = []): Answer {
  const bodiless = isBodiless(status);
  const defaults: HeaderPair[] = bodiless ? [] : [['Content-Type', 'application/json']];
  defaults.push(['Cache-Control', 'no-store']);
  const given = new Set(headers.map(([name]) => name.toLowerCase()));
  return {
    status,
    headers: [...defaults.filter(([name]) => !given.has(name.toLowerCase())), ...headers],
    body: bodiless ? emptyBody : bufferBody(Buffer.from(`${JSON.stringify(value, null, 2)}\n`)),
  };
}

/** The answer for a failure: ours says what was wrong, any other says only that it was ours. */
export function errorAnswer(error: unknown): Answer {
  if (error instanceof UpstreamError) return jsonAnswer(error.httpStatus, { error: error.message });
  return jsonAnswer(500, { error: 'the upstream failed; its log says why' });
}
