/** The server's side of an ingest: feeds the worker with the document, and stores the partitions that come back. */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib';
import { decodeBytes, decodeFrame } from '@pannier/proto/partition-format';
import type { EntryBody } from './entry-answer.ts';
import { CacheServerError } from './errors.ts';
import type { IngestCommand, IngestedPartition, IngestEvent, IngestPlan } from './ingest-messages.ts';
import type { FieldSeen } from './partition/field-partitioner.ts';

/** What an ingest leaves behind; the partitions' frames are stored. */
export interface Ingested {
  readonly records: number;
  readonly fields: readonly FieldSeen[];
  readonly partitions: readonly Omit<IngestedPartition, 'frame'>[];
}

/** A document to be cut. */
export interface IngestSource {
  readonly body: EntryBody;
  /** Its Content-Encoding; '' for none. */
  readonly coding: string;
  readonly plan: IngestPlan;
  readonly limits: { readonly decompressedBytesMax: number; readonly partitionBytes: number };
  readonly signal: AbortSignal;
  /** Stores a batch of frames. */
  readonly store: (partitions: readonly IngestedPartition[]) => Promise<void>;
}

async function* bodyBytes({ body, signal, limits }: IngestSource): AsyncGenerator<Buffer> {
  if (body.inline !== undefined) {
    yield Buffer.from(body.inline);
    return;
  }
  for await (const part of body.open(0, signal)) {
    if (part.kind === 'raw') yield Buffer.from(part.bytes);
    else {
      const content = await decodeFrame(part.frame, { ...part, contentBytesMax: limits.partitionBytes + 16 });
      yield decodeBytes(content).subarray(part.skipBytes);
    }
  }
}

/** The document as it is before its transfer was compressed; bounded, since a few bytes may stand for very many. */
async function* documentBytes(source: IngestSource): AsyncGenerator<Buffer> {
  const { coding, limits } = source;
  const decoders: Record<string, () => NodeJS.ReadWriteStream> = {
    gzip: createGunzip,
    'x-gzip': createGunzip,
    br: createBrotliDecompress,
    zstd: createZstdDecompress,
  };
  const decoder = decoders[coding];
  if (coding !== '' && coding !== 'identity' && decoder === undefined) {
    throw new CacheServerError('bad-data', `its Content-Encoding ${coding} is not known`);
  }
  const plain = bodyBytes(source);
  const decoded: AsyncIterable<Buffer> =
    decoder === undefined ? plain : (Readable.from(plain).compose(decoder()) as AsyncIterable<Buffer>);
  let bytes = 0;
  for await (const chunk of decoded) {
    bytes += chunk.length;
    if (bytes > limits.decompressedBytesMax) {
      throw new CacheServerError(
        'limit-exceeded',
        `it is over limits.decompressedBytesMax ${limits.decompressedBytesMax}`,
      );
    }
    yield chunk;
  }
}

/** The next event of the worker. @throws CacheServerError `bad-data` when it found the document unfit, `internal` when it died */
async function nextEvent(worker: Worker, signal: AbortSignal): Promise<IngestEvent> {
  const died = new AbortController();
  const onExit = (): void => died.abort(new CacheServerError('internal', 'the ingest worker ended'));
  worker.once('exit', onExit);
  try {
    const [event] = (await once(worker, 'message', { signal: AbortSignal.any([signal, died.signal]) })) as [
      IngestEvent,
    ];
    if (event.kind === 'failed') throw new CacheServerError('bad-data', event.message);
    return event;
  } catch (error) {
    if (died.signal.aborted) throw died.signal.reason;
    signal.throwIfAborted();
    throw error;
  } finally {
    worker.off('exit', onExit);
  }
}

/** Cuts a document into stored partitions. Nothing is published here. */
export async function ingestDataset(source: IngestSource): Promise<Ingested> {
  const worker = new Worker(new URL('./ingest-worker.ts', import.meta.url), { workerData: source.plan });
  // What it died of is told by its exit to whoever waits; without a listener it would end the server.
  worker.on('error', () => undefined);
  const tell = (command: IngestCommand): void => worker.postMessage(command);
  const partitions: Omit<IngestedPartition, 'frame'>[] = [];
  try {
    for await (const bytes of documentBytes(source)) {
      tell({ kind: 'chunk', bytes });
      await nextEvent(worker, source.signal);
    }
    tell({ kind: 'end' });
    for (;;) {
      const event = await nextEvent(worker, source.signal);
      if (event.kind === 'done') return { records: event.records, fields: event.fields, partitions };
      if (event.kind !== 'partitions') continue;
      await source.store(event.partitions);
      for (const { frame: _frame, ...partition } of event.partitions) partitions.push(partition);
      tell({ kind: 'written' });
    }
  } finally {
    await worker.terminate();
  }
}
