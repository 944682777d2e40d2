/** Cuts a dataset in a thread of its own, so that the server's event loop never waits for a parser. One thread a dataset version. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { contentDigest, encodeFrame, encodeRecords } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import type { IngestCommand, IngestedPartition, IngestEvent, IngestPlan } from './ingest-messages.ts';
import { FieldCensus, FieldPartitioner, parseRecord } from './partition/field-partitioner.ts';
import type { FieldPartition } from './partition/field-partitioner.ts';
import { JsonRecords } from './partition/json-records.ts';

/** Partitions go to the store in batches of about this many bytes. */
const BATCH_BYTES = 4 * 1024 * 1024;

const plan = workerData as IngestPlan;
const records = new JsonRecords({ pointer: plan.pointer, recordBytesMax: plan.recordBytesMax });
const partitioner = new FieldPartitioner(plan.fields);
const census = new FieldCensus();

function parsed(bytes: Buffer): RecordValue {
  try {
    return parseRecord(bytes);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`malformed JSON in record ${records.records}: ${why}`, { cause: error });
  }
}

function scan(chunk: Uint8Array): void {
  records.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength), (bytes) => {
    const record = parsed(bytes);
    census.add(record);
    partitioner.add(record);
    if (partitioner.size > plan.partitionsMax) {
      throw new Error(
        `record ${records.records} makes more partitions than limits.partitionsMax ${plan.partitionsMax}`,
      );
    }
  });
}

async function encoded({ name, key, records: rows }: FieldPartition): Promise<IngestedPartition> {
  const content = encodeRecords(rows);
  const digest = contentDigest(content, 'dataset');
  const frame = await encodeFrame(content, { scope: plan.scope, digest, compress: true });
  return { name, key, records: rows.length, contentBytes: content.byteLength, digest, frame };
}

async function finish(port: MessagePort, say: (event: IngestEvent) => void): Promise<void> {
  records.end();
  let batch: IngestedPartition[] = [];
  let bytes = 0;
  const send = async (): Promise<void> => {
    say({ kind: 'partitions', partitions: batch });
    batch = [];
    bytes = 0;
    await once(port, 'message');
  };
  for (const partition of partitioner.partitions()) {
    const one = await encoded(partition);
    batch.push(one);
    bytes += one.frame.byteLength;
    if (bytes >= BATCH_BYTES) await send();
  }
  if (batch.length > 0) await send();
  say({ kind: 'done', records: records.records, fields: census.fields() });
}

function serve(port: MessagePort): void {
  const say = (event: IngestEvent): void => port.postMessage(event);
  const fail = (error: unknown): void =>
    say({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  port.on('message', (command: IngestCommand) => {
    try {
      if (command.kind === 'chunk') {
        scan(command.bytes);
        say({ kind: 'scanned' });
      } else if (command.kind === 'end') finish(port, say).catch(fail);
    } catch (error) {
      fail(error);
    }
  });
}

if (parentPort !== null) serve(parentPort);
