/** Cuts a dataset in a thread of its own, so that the server's event loop never waits for a parser. One thread a version. */
import { parentPort } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import {
  contentDigest,
  decodeBytes,
  decodeFrame,
  encodeFrame,
  PartitionFormatError,
  rowsIn,
} from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { statisticsOf } from '../read/field-statistics.ts';
import { readRecords } from '../source/read-records.ts';
import { RecordCutter } from './cut-records.ts';
import type { CutPartition, IngestCommand, IngestEvent, IngestStart } from './ingest-plan.ts';
import type { WholePartition } from './partition-buffers.ts';
import { RuleMark } from './rule-watch.ts';

/** Partitions that are being compressed, or on their way to the store, at once. */
const UNSTORED_MAX = 6;

/** The messages of the port as they are asked for. */
class Inbox {
  readonly #commands: IngestCommand[] = [];
  #waiting: ((command: IngestCommand) => void) | undefined;
  #onStored: (() => void) | undefined;
  #unstored = 0;

  constructor(port: MessagePort) {
    port.on('message', (command: IngestCommand) => {
      if (command.kind === 'stored') {
        this.#unstored -= 1;
        this.#onStored?.();
      } else if (this.#waiting === undefined) this.#commands.push(command);
      else {
        this.#waiting(command);
        this.#waiting = undefined;
      }
    });
  }

  async next(): Promise<IngestCommand> {
    const command = this.#commands.shift();
    return command ?? (await new Promise((resolve) => (this.#waiting = resolve)));
  }

  /** Waits until one more partition may be on its way. */
  async room(): Promise<void> {
    while (this.#unstored >= UNSTORED_MAX) await new Promise<void>((resolve) => (this.#onStored = resolve));
    this.#unstored += 1;
  }

  async allStored(): Promise<void> {
    while (this.#unstored > 0) await new Promise<void>((resolve) => (this.#onStored = resolve));
  }
}

/** The bytes of one document. */
async function* documentBytes(
  inbox: Inbox,
  say: (event: IngestEvent) => void,
  partitionBytes: number,
): AsyncGenerator<Buffer> {
  for (;;) {
    const command = await inbox.next();
    if (command.kind === 'bytes') {
      yield Buffer.from(command.bytes.buffer, command.bytes.byteOffset, command.bytes.byteLength);
    } else if (command.kind === 'frame') {
      const { frame, scope, digest, skipBytes } = command.frame;
      const content = await decodeFrame(frame, { scope, digest, contentBytesMax: partitionBytes + 16 });
      yield decodeBytes(content).subarray(skipBytes);
    }
    say({ kind: 'taken' });
    if (command.kind === 'document-end') return;
  }
}

/** All that is known of a partition but its frame. Its columns are let go here: several partitions wait to be compressed at once. */
function measured({ name, key, columns, content }: WholePartition): Measured {
  const statistics = statisticsOf(columns);
  const digest = contentDigest(content, 'dataset');
  const records = rowsIn(columns);
  return { content, known: { name, key, records, contentBytes: content.byteLength, digest, statistics } };
}

interface Measured {
  readonly content: Buffer;
  readonly known: Omit<CutPartition, 'frame'>;
}

async function framed({ content, known }: Measured, scope: string): Promise<CutPartition> {
  const frame = await encodeFrame(content, { scope, digest: known.digest, compress: true });
  return { ...known, frame };
}

/** The same records; what is wrong with them is told with their document's place. */
async function* placed<T>(records: AsyncIterable<T>, place: string): AsyncGenerator<T> {
  try {
    yield* records;
  } catch (error) {
    if (!(error instanceof DatasetError) || place === '') throw error;
    throw new DatasetError(error.code, `${place}${error.message}`, { cause: error });
  }
}

async function ingest(port: MessagePort, { plan, ruleMemory }: IngestStart): Promise<void> {
  const inbox = new Inbox(port);
  const say = (event: IngestEvent): void => port.postMessage(event);
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const emit = async (partition: Measured): Promise<void> => {
    await Promise.race([inbox.room(), failed.promise]);
    // Compressed behind the back of the parser; what fails here fails the ingest at its next step.
    framed(partition, plan.scope).then((cut) => say({ kind: 'partition', partition: cut }), failed.reject);
  };
  const cutter = await RecordCutter.open(
    plan,
    async (whole) => await emit(measured(whole)),
    new RuleMark(ruleMemory),
  );
  for (;;) {
    const command = await inbox.next();
    if (command.kind === 'end') break;
    say({ kind: 'taken' });
    if (command.kind !== 'document') continue;
    const format = { ...plan.settings, contentEncoding: command.contentEncoding };
    const bytes = documentBytes(inbox, say, plan.limits.partitionBytes);
    const found = readRecords(bytes, format, plan.limits);
    for await (const records of placed(found, command.place)) await cutter.push(records);
  }
  const summary = await cutter.finish();
  await Promise.race([inbox.allStored(), failed.promise]);
  say({ kind: 'done', ...summary });
}

function failure(error: unknown): IngestEvent {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof DatasetError) return { kind: 'failed', code: error.code, message };
  if (error instanceof PartitionFormatError && error.code === 'unencodable')
    return { kind: 'failed', code: 'bad-document', message };
  return { kind: 'failed', code: 'internal', message };
}

if (parentPort !== null) {
  const port = parentPort;
  // The thread may have been started long before it is known what for.
  port.once('message', (start: IngestStart) => {
    ingest(port, start).catch((error: unknown) => port.postMessage(failure(error)));
  });
}
