/**
 * The sending side of an Exchange stream. Frames of one turn of the event loop leave in one message, since a message costs more
 * than its content; a server that does not read holds its own frames back.
 */
import { create } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ExchangeRequestSchema } from '@pannier/proto';
import type { ClientFrameSchema, ExchangeRequest } from '@pannier/proto';

/** A client frame, ready for `create`. */
export type ClientFrameInit = Exclude<MessageInitShape<typeof ClientFrameSchema>, { $typeName: string }>;

/** What the outbox needs of a grpc-js call. */
export interface FrameSink {
  write(message: ExchangeRequest): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

interface QueuedFrame {
  readonly frame: ClientFrameInit;
  readonly bytes: number;
}

const MESSAGE_FRAMES_MAX = 256;
/** Servers accept messages of 4 MiB and more; a single frame is as large as its request's head. */
const MESSAGE_BYTES_MAX = 1024 * 1024;

/** Collects frames and sends them in batches. */
export class FrameOutbox {
  readonly #sink: FrameSink;
  #queue: QueuedFrame[] = [];
  #scheduled = false;
  #blocked = false;
  #closed = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Queues a frame of about so many bytes. */
  push(frame: ClientFrameInit, bytes: number): void {
    this.#queue.push({ frame, bytes });
    this.#schedule();
  }

  /** Drops what has not left; later frames are dropped too. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
  }

  #schedule(): void {
    if (this.#scheduled || this.#blocked || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    while (this.#queue.length > 0 && !this.#blocked && !this.#closed) {
      const frames = this.#takeBatch().map(({ frame }) => frame);
      if (!this.#sink.write(create(ExchangeRequestSchema, { frames }))) this.#waitForDrain();
    }
  }

  #takeBatch(): QueuedFrame[] {
    let bytes = 0;
    let count = 0;
    for (const frame of this.#queue) {
      bytes += frame.bytes;
      if (count > 0 && (bytes > MESSAGE_BYTES_MAX || count === MESSAGE_FRAMES_MAX)) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  #waitForDrain(): void {
    this.#blocked = true;
    this.#sink.once('drain', () => {
      this.#blocked = false;
      this.#schedule();
    });
  }
}
