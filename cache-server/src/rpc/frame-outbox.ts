/**
 * The sending side of one Exchange stream. Frames of one turn of the event loop leave in one message, since a message costs more
 * than its content; a client that does not read holds its own frames back, and its credits with them.
 */
import { create } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ExchangeResponseSchema } from '@pannier/proto';
import type { ExchangeResponse, ServerFrameSchema } from '@pannier/proto';

/** A server frame, ready for `create`. */
export type FrameInit = Exclude<MessageInitShape<typeof ServerFrameSchema>, { $typeName: string }>;

/** What the outbox needs of a grpc-js call. */
export interface FrameSink {
  write(message: ExchangeResponse): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

/** Most body bytes in one message; clients accept messages of 4 MiB and more. */
const MESSAGE_BYTES_MAX = 1024 * 1024;

function bodyBytes(frame: FrameInit): number {
  return frame.frame?.case === 'body' ? (frame.frame.value.data?.byteLength ?? 0) : 0;
}

/** Collects frames and sends them in batches. */
export class FrameOutbox {
  readonly #sink: FrameSink;
  #queue: { frame: FrameInit; sent: (() => void) | undefined }[] = [];
  #scheduled = false;
  #blocked = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Queues a frame; `sent` runs when it has been handed to the transport. */
  push(frame: FrameInit, sent?: () => void): void {
    this.#queue.push({ frame, sent });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#blocked) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    while (this.#queue.length > 0 && !this.#blocked) {
      const batch = this.#nextBatch();
      const message = create(ExchangeResponseSchema, { frames: batch.map(({ frame }) => frame) });
      if (!this.#sink.write(message)) this.#waitForDrain();
      for (const { sent } of batch) sent?.();
    }
  }

  #nextBatch(): { frame: FrameInit; sent: (() => void) | undefined }[] {
    let bytes = 0;
    let count = 0;
    for (const { frame } of this.#queue) {
      bytes += bodyBytes(frame);
      if (count > 0 && bytes > MESSAGE_BYTES_MAX) break;
      count += 1;
    }
    const batch = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    return batch;
  }

  #waitForDrain(): void {
    this.#blocked = true;
    this.#sink.once('drain', () => {
      this.#blocked = false;
      this.#schedule();
    });
  }
}
