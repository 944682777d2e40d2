import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';

/** A response that tells once how long its head took, in seconds from the moment when the head of the request had been read. */
export class TimedResponse<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  readonly #beganMs = performance.now();
  #tell: ((seconds: number) => void) | undefined;

  /** Who is told when the head is written; of several the last one. */
  set onHead(tell: (seconds: number) => void) {
    this.#tell = tell;
  }

  /** Every head goes by here, also one that the first byte of a body brings along. */
  override writeHead(status: number, ...rest: unknown[]): this {
    const tell = this.#tell;
    this.#tell = undefined;
    tell?.((performance.now() - this.#beganMs) / 1000);
    // One of the ways in which Node takes reason and fields, as they came.
    return super.writeHead(status, ...(rest as []));
  }
}
