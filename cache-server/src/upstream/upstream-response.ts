/** One exchange with an upstream as undici reports it, turned into a head and a body that is read at the reader's pace. */
import { getHeaderLines, transferCodingFault, withoutHopByHop } from '@pannier/http-semantics';
import type { Header, HeaderList } from '@pannier/http-semantics';
import type { Dispatcher } from 'undici';
import { CacheServerError } from '../errors.ts';
import { networkError } from './network-error.ts';

/**
 * How the end of a body is known: by Content-Length, by the last chunk, only by the close of the connection (which a broken
 * connection looks like too), or there is no body.
 */
export type Framing = 'length' | 'chunked' | 'close' | 'none';

/** What an upstream answered. */
export interface UpstreamResponse {
  readonly status: number;
  /** In wire order, values in latin1, hop-by-hop fields removed. */
  readonly headers: HeaderList;
  readonly framing: Framing;
  /** What Content-Length announces, in bytes; 0 without a body; undefined when only the end will tell. */
  readonly bodyBytes: number | undefined;
  /**
   * The body as it arrives, to be read once. Ends normally only when it is whole (by `framing`); throws `CacheServerError`
   * ('upstream-truncated', 'upstream-timeout', …) otherwise. Returning early ends the exchange.
   */
  readonly body: AsyncIterable<Buffer>;
  /** Resolves when the upstream has sent all, or the exchange broke off, however much of the body has been read. */
  readonly over: Promise<void>;
}

/** Bytes that wait for the reader before the connection is paused. */
const WAITING_BYTES_MAX = 128 * 1024;

/** What an exchange is about. */
export interface ExchangeOptions {
  /** The upstream's name and host, for messages. */
  readonly place: string;
  readonly method: 'GET' | 'HEAD';
  readonly closeDelimited: 'relay' | 'rfc';
}

/** The handler of one dispatch. */
export class UpstreamExchange implements Dispatcher.DispatchHandler {
  /** Settles with the head. */
  readonly response: Promise<UpstreamResponse>;
  /** What undici reported, before it was put into our words. */
  failure: unknown;
  readonly #options: ExchangeOptions;
  readonly #settle = Promise.withResolvers<UpstreamResponse>();
  readonly #over = Promise.withResolvers<void>();
  #controller: Dispatcher.DispatchController | undefined;
  #headArrived = false;
  #expectedBytes: number | undefined;
  #arrivedBytes = 0;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #ended = false;
  #error: CacheServerError | undefined;
  #wake: (() => void) | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.response = this.#settle.promise;
  }

  /** Ends the exchange wherever it stands; head or body then reject with this reason. */
  abort(reason: unknown): void {
    if (this.#ended) return;
    this.#fail(reason);
    this.#controller?.abort(reason instanceof Error ? reason : new Error('aborted', { cause: reason }));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Aborted while it waited for a connection.
    if (this.#error !== undefined) controller.abort(this.#error);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    // Early hints and the like; the final head follows.
    if (status < 200) return;
    const raw = rawPairs(controller.rawHeaders);
    const fault = answerFault(status, raw, this.#options);
    if (fault !== undefined) {
      const what = `upstream ${this.#options.place} does not speak HTTP/1.1 properly: ${fault}`;
      this.abort(new CacheServerError('upstream-protocol', what, { proxyError: 'http_protocol_error' }));
      return;
    }
    const { framing, bodyBytes } = framingOf(this.#options.method, status, raw);
    this.#headArrived = true;
    this.#expectedBytes = bodyBytes;
    const body = { [Symbol.asyncIterator]: () => this.#read() };
    const over = this.#over.promise;
    this.#settle.resolve({ status, headers: withoutHopByHop(raw), framing, bodyBytes, body, over });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#arrivedBytes += chunk.length;
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= WAITING_BYTES_MAX) controller.pause();
    this.#wake?.();
  }

  onResponseEnd(): void {
    if (this.#expectedBytes !== undefined && this.#arrivedBytes !== this.#expectedBytes) {
      this.#fail(new Error(`${this.#arrivedBytes} of ${this.#expectedBytes} bytes arrived`));
      return;
    }
    this.#ended = true;
    this.#over.resolve();
    this.#wake?.();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.failure = error;
    this.#fail(error);
  }

  #fail(cause: unknown): void {
    if (this.#ended || this.#error !== undefined) return;
    this.#error = networkError(cause, this.#headArrived ? 'body' : 'head', this.#options.place);
    this.#settle.reject(this.#error);
    this.#over.resolve();
    this.#wake?.();
  }

  async *#read(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        const chunk = this.#waiting.shift();
        if (chunk !== undefined) {
          this.#waitingBytes -= chunk.length;
          if (this.#waitingBytes < WAITING_BYTES_MAX) this.#controller?.resume();
          yield chunk;
        } else if (this.#error !== undefined) throw this.#error;
        else if (this.#ended) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.abort(new CacheServerError('cancelled', 'the body is not wanted any more'));
    }
  }
}

/** undici hands the lines over as bytes, name and value by turns; latin1 keeps every byte. */
function rawPairs(raw: Dispatcher.DispatchController['rawHeaders']): Header[] {
  const lines = Array.isArray(raw) ? raw : [];
  const pairs: Header[] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    pairs.push([latin1(lines[i] ?? ''), latin1(lines[i + 1] ?? '')]);
  }
  return pairs;
}

function latin1(text: Buffer | string): string {
  return typeof text === 'string' ? text : text.toString('latin1');
}

/** Why an answer leaves room for two readings, in words; undici has refused what its parser refuses. */
function answerFault(
  status: number,
  raw: HeaderList,
  { closeDelimited }: ExchangeOptions,
): string | undefined {
  // https://www.rfc-editor.org/rfc/rfc9110#section-15
  if (status > 599) return `its status is ${status}`;
  const lengths = getHeaderLines(raw, 'content-length');
  if (lengths.some((length) => !/^(?:0|[1-9]\d*)$/.test(length))) return 'its Content-Length is not a length';
  return transferCodingFault(getHeaderLines(raw, 'transfer-encoding'), closeDelimited);
}

/** https://www.rfc-editor.org/rfc/rfc9112#section-6.3; undici has refused heads whose framing contradicts itself. */
function framingOf(
  method: string,
  status: number,
  raw: HeaderList,
): { framing: Framing; bodyBytes: number | undefined } {
  if (method === 'HEAD' || status === 204 || status === 304) return { framing: 'none', bodyBytes: 0 };
  const last = (name: string): string | undefined =>
    raw.findLast(([other]) => other.toLowerCase() === name)?.[1].trim();
  const coding = last('transfer-encoding');
  if (coding !== undefined)
    return { framing: coding.toLowerCase() === 'chunked' ? 'chunked' : 'close', bodyBytes: undefined };
  const length = last('content-length');
  if (length === undefined) return { framing: 'close', bodyBytes: undefined };
  return { framing: 'length', bodyBytes: Number(length) };
}
