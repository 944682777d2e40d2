/** Undoes the compression of a document chunk by chunk, to the last byte: what is cut short or followed by something is no whole document. */
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib';
import { DatasetError } from '../dataset-error.ts';

/** A stream of node:zlib; it counts what it took. */
type ZlibStream = Transform & { readonly bytesWritten: number };

interface Coding {
  readonly open: () => ZlibStream;
  /** What may follow a whole stream: another one, padding with zeros, or nothing. */
  readonly follow: 'stream' | 'zeros' | 'nothing';
}

const OPTIONS = { chunkSize: 64 * 1024 };
// Node's gunzip reads one member after the other by itself: RFC 1952 §2.2.
const GZIP: Coding = { open: () => createGunzip(OPTIONS), follow: 'zeros' };
const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ['gzip', GZIP],
  ['x-gzip', GZIP],
  ['br', { open: () => createBrotliDecompress(OPTIONS), follow: 'nothing' }],
  // Node's decoder stops behind the first frame; a document may have many: RFC 8878 §3.
  ['zstd', { open: () => createZstdDecompress(OPTIONS), follow: 'stream' }],
]);
/** More codings of one document than this are an attack, not a habit. */
const CODINGS_MAX = 3;

/**
 * Codings in the order in which they have to be undone.
 *
 * @param contentEncoding of the response, such as `gzip` or `br, gzip`: RFC 9110 §8.4; '' for none
 * @param compression of the document itself
 * @throws DatasetError `bad-document` when one is not known
 */
export function codingsOf(contentEncoding: string, compression: string): string[] {
  const applied = [compression, ...contentEncoding.toLowerCase().split(',')];
  const codings = applied
    .map((name) => name.trim())
    .filter((name) => !['', 'none', 'identity'].includes(name));
  for (const name of codings) {
    if (!CODINGS.has(name)) throw new DatasetError('bad-document', `its coding ${name} is not known`);
  }
  if (codings.length > CODINGS_MAX)
    throw new DatasetError('bad-document', `it has more than ${CODINGS_MAX} codings: ${codings.join(', ')}`);
  return codings.toReversed();
}

/**
 * The bytes without one coding.
 *
 * @throws DatasetError `bad-document` when they are damaged, cut short, or followed by something else; what `bytes` throws
 */
export async function* decompressed(bytes: AsyncIterable<Buffer>, coding: string): AsyncGenerator<Buffer> {
  const decompression = new Decompression(coding);
  try {
    for await (const chunk of bytes) yield* decompression.push(chunk);
    yield* decompression.end();
  } finally {
    decompression.close();
  }
}

/** One coding that is undone as the chunks come; its generators are to be read to their ends, one after the other. */
export class Decompression {
  readonly #coding: string;
  readonly #how: Coding;
  #decoder: Decoder;

  constructor(coding: string) {
    this.#coding = coding;
    this.#how = CODINGS.get(coding) ?? GZIP;
    this.#decoder = new Decoder(this.#how.open(), coding);
  }

  /** What a chunk gives. @throws DatasetError `bad-document` */
  async *push(chunk: Buffer): AsyncGenerator<Buffer> {
    const { open, follow } = this.#how;
    for (let rest = chunk; rest.length > 0;) {
      yield* this.#decoder.write(rest);
      rest = rest.subarray(this.#decoder.taken);
      if (!this.#decoder.isEnded) continue;
      if (follow !== 'stream') return requireEnd(rest, { coding: this.#coding, follow });
      this.#decoder.close();
      this.#decoder = new Decoder(open(), this.#coding);
    }
  }

  /** What was held back. @throws DatasetError `bad-document` when the document is cut short */
  async *end(): AsyncGenerator<Buffer> {
    if (!this.#decoder.isEnded) yield* this.#decoder.end();
  }

  close(): void {
    this.#decoder.close();
  }
}

function requireEnd(rest: Buffer, { coding, follow }: { coding: string } & Pick<Coding, 'follow'>): void {
  if (follow === 'zeros' && rest.every((byte) => byte === 0)) return;
  throw new DatasetError('bad-document', `something follows the ${coding} document`);
}

/** One stream, written to a chunk at a time, so that it is known where in a chunk it ended. */
class Decoder {
  readonly #stream: ZlibStream;
  readonly #coding: string;
  #error: Error | undefined;
  #wake: (() => void) | undefined;
  /** Bytes of the last chunk that were its own. */
  taken = 0;
  /** The stream is whole; what else was in the last chunk is not part of it. */
  isEnded = false;

  constructor(stream: ZlibStream, coding: string) {
    this.#stream = stream;
    this.#coding = coding;
    stream.on('readable', () => this.#wake?.());
    stream.on('end', () => {
      this.isEnded = true;
      this.#wake?.();
    });
    stream.on('error', (error) => {
      this.#error = error;
      this.#wake?.();
    });
  }

  async *write(chunk: Buffer): AsyncGenerator<Buffer> {
    this.taken = 0;
    if (this.isEnded) return;
    const before = this.#stream.bytesWritten;
    const progress = { isWritten: false };
    // Never called when the stream ends within the chunk.
    this.#stream.write(chunk, (error) => {
      this.#error ??= error ?? undefined;
      progress.isWritten = true;
      this.#wake?.();
    });
    yield* this.#read(() => progress.isWritten);
    this.taken = this.#stream.bytesWritten - before;
  }

  async *end(): AsyncGenerator<Buffer> {
    this.#stream.end();
    yield* this.#read(() => false);
  }

  close(): void {
    this.#stream.destroy();
  }

  async *#read(isDone: () => boolean): AsyncGenerator<Buffer> {
    for (;;) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      const piece = this.#stream.read() as Buffer | null;
      if (piece !== null) yield piece;
      else if (this.#error !== undefined) throw this.#damage(this.#error);
      else if (this.isEnded || isDone()) return;
      else await woken;
    }
  }

  #damage(cause: Error & { code?: string }): DatasetError {
    const what = cause.code === 'Z_BUF_ERROR' ? 'is cut short' : 'is damaged';
    return new DatasetError('bad-document', `the ${this.#coding} document ${what}: ${cause.message}`, {
      cause,
    });
  }
}
