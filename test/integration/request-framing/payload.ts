/** What a request-framing payload is, and the words it is written in. */

/**
 * - `refused`   not HTTP/1.1 as two readers would agree on it: answered by one of `statuses` or by nothing, and the connection ends
 * - `body`      what hides the canary is content by RFC 9112: one request arrives, with the canary in its body
 * - `ends`      the request is good and the last one of its connection: what stands behind it is never read
 * - `pipelined` both are good requests, and both are answered: the list knows what it must not refuse
 */
export type PayloadOutcome = 'refused' | 'body' | 'ends' | 'pipelined';

/** One line of the attack list. */
export interface FramingPayload {
  readonly name: string;
  /**
   * Bytes in latin1. `{t}` stands for what comes before the path in the target, `{h}` for the upstream's host and port, `{canary}` for a
   * whole request that must never arrive as one, `{dec:N}` and `{hex:N}` for its length plus N. A text without a canary has it behind.
   */
  readonly bytes: string;
  readonly outcome: PayloadOutcome;
  readonly statuses: readonly number[];
}

/** A head of these lines behind a good start. */
export function head(line: string, ...fields: readonly string[]): string {
  return [`${line} HTTP/1.1`, 'Host: {h}', ...fields, '', ''].join('\r\n');
}

/** A POST with these fields. */
export function post(...fields: readonly string[]): string {
  return head('POST {t}/first', ...fields);
}

/** A POST in chunks, up to its body. */
export const CHUNKED: string = post('Transfer-Encoding: chunked');

/** A body that two readers, one of chunks and one of lengths, would end at different places. */
export const TWO_ENDS = '0\r\n\r\n{canary}';

export function refused(name: string, bytes: string, ...statuses: readonly number[]): FramingPayload {
  return { name, bytes, outcome: 'refused', statuses: statuses.length === 0 ? [400] : statuses };
}

export function accepted(
  outcome: Exclude<PayloadOutcome, 'refused'>,
  name: string,
  bytes: string,
): FramingPayload {
  return { name, bytes, outcome, statuses: [200] };
}

/** Where a payload is sent, as its targets and Hosts are written there, and the path that its canary asks for. */
export interface Aim {
  readonly target: string;
  readonly host: string;
  readonly canary: string;
}

/** The bytes for one door. */
export function spell({ bytes }: FramingPayload, { target, host, canary: path }: Aim): string {
  const canary = `GET ${target}${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const whole = bytes.includes('{canary}') ? bytes : `${bytes}{canary}`;
  return whole
    .replaceAll(/\{dec:(-?\d+)\}/g, (_, more: string) => String(canary.length + Number(more)))
    .replaceAll(/\{hex:(-?\d+)\}/g, (_, more: string) => (canary.length + Number(more)).toString(16))
    .replaceAll('{canary}', () => canary)
    .replaceAll('{t}', () => target)
    .replaceAll('{h}', () => host);
}
