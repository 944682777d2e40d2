/** Bodies as WHATWG streams. */
import { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import type { Duplex } from 'node:stream';
import type { LookupBody } from './transport/index.ts';

/** Content codings that `fetch` undoes before anybody sees them. */
const DECODERS: Partial<Record<string, () => Duplex>> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  deflate: () => createInflate(),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
};

/**
 * A stream that is read as it is pulled: a consumer that pauses stops the server, one that cancels cancels the call.
 *
 * @param signal errors the stream with its reason
 */
export function bodyStream(
  body: LookupBody,
  contentEncoding: string | null,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const cancelled = new AbortController();
  const either = signal === undefined ? cancelled.signal : AbortSignal.any([signal, cancelled.signal]);
  const chunks = decoded(body.kind === 'whole' ? [body.bytes] : body.read(either), contentEncoding, either);
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done === true) controller.close();
        else controller.enqueue(value as Uint8Array<ArrayBuffer>);
      },
      cancel(reason) {
        cancelled.abort(reason ?? new DOMException('The body was cancelled', 'AbortError'));
      },
    },
    { highWaterMark: 0 },
  );
}

async function* decoded(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  contentEncoding: string | null,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = DECODERS[contentEncoding?.trim().toLowerCase() ?? '']?.();
  if (decoder === undefined) {
    yield* chunks;
    return;
  }
  const feeding = pipeline(Readable.from(chunks), decoder, { signal });
  // Its failure destroys the decoder, whose reader below throws it.
  feeding.catch(() => undefined);
  yield* decoder as AsyncIterable<Uint8Array>;
  await feeding;
}
