/** The messages of one Fetch call as chunks of the body. */
import type { FetchResponse, StoredPartition } from '@pannier/proto';
import { decodeBytes } from '@pannier/proto/partition-format';
import { PannierError } from '../errors.ts';
import { processBudget } from './buffer-budget.ts';
import { decodeAhead } from './decode-ahead.ts';
import { decodeStored, storedBytes } from './stored-content.ts';

/** Where the reader of a body stands. */
export interface BodyProgress {
  /** Bytes of the body that the reader has, in its order. */
  offset: number;
  /** Length of the body where the head told it. */
  readonly bodyBytes: number | undefined;
}

type BodyStep =
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  | { readonly kind: 'complete'; readonly bodyBytes: number };

/** Partitions decoded at once for one reader. */
const DECODE_DEPTH = 3;

/**
 * Yields the chunks and moves `progress` on. Ends only when the server has said that the body is complete, and it is.
 *
 * @throws PannierError `unavailable` when the stream was cut short; `protocol` when its frames or its length are wrong
 */
export async function* bodyChunks(
  messages: AsyncGenerator<FetchResponse, void, undefined>,
  progress: BodyProgress,
): AsyncGenerator<Uint8Array, void, undefined> {
  const steps = decodeAhead(withoutProgress(messages), {
    decode: bodyStep,
    weigh: stepBytes,
    depth: DECODE_DEPTH,
    budget: processBudget,
  });
  let whole = false;
  // Read to the end of the call even after `complete`: leaving now would cancel a call that is about to succeed.
  for await (const step of steps) {
    if (step.kind === 'complete') {
      requireWhole(step.bodyBytes, progress);
      whole = true;
    } else {
      progress.offset += step.bytes.byteLength;
      if (step.bytes.byteLength > 0) yield step.bytes;
    }
  }
  if (!whole) throw new PannierError('unavailable', 'the stream ended before the body was complete');
}

async function* withoutProgress(
  messages: AsyncGenerator<FetchResponse, void, undefined>,
): AsyncGenerator<FetchResponse, void, undefined> {
  for await (const message of messages) if (message.part.case !== 'progress') yield message;
}

function stepBytes({ part }: FetchResponse): number {
  if (part.case === 'raw') return part.value.data.byteLength;
  return part.case === 'partition' ? storedBytes(part.value) : 0;
}

async function bodyStep({ part }: FetchResponse): Promise<BodyStep> {
  if (part.case === 'raw') return { kind: 'chunk', bytes: ownBytes(part.value.data) };
  if (part.case === 'partition') return { kind: 'chunk', bytes: await partitionBytes(part.value) };
  if (part.case === 'complete') return { kind: 'complete', bodyBytes: Number(part.value.bodyBytes) };
  throw new PannierError('protocol', 'a step of a body that this client does not know');
}

async function partitionBytes(partition: StoredPartition): Promise<Uint8Array> {
  const bytes = await decodeStored(partition, decodeBytes);
  const skipBytes = Number(partition.skipBytes);
  if (skipBytes > bytes.byteLength) {
    throw new PannierError('protocol', `${skipBytes} bytes to skip of ${bytes.byteLength}`);
  }
  return ownBytes(bytes.subarray(skipBytes));
}

/** Bytes that keep no far larger message alive: grpc-js hands out views of its receive buffers. */
function ownBytes(view: Uint8Array): Uint8Array {
  return view.buffer.byteLength > 2 * view.byteLength + 1024 ? new Uint8Array(view) : view;
}

function requireWhole(announcedBytes: number, { offset, bodyBytes }: BodyProgress): void {
  if (announcedBytes === offset && (bodyBytes === undefined || bodyBytes === offset)) return;
  const expected = bodyBytes ?? announcedBytes;
  throw new PannierError(
    'protocol',
    `${offset} bytes came of a body of ${expected}, announced ${announcedBytes}`,
  );
}
