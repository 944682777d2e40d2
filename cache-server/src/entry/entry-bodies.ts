/** Bodies as callers get them: in the manifest, in the store, or on their way in a flight. */
import type { Repair } from './body-repair.ts';
import type { BodyPart, EntryBody } from './entry-answer.ts';
import type { EntryContext } from './entry-context.ts';
import { CacheServerError, isLoss } from '../errors.ts';
import type { FlightBody } from '../flight/flight-body.ts';
import { announceReader } from '../flight/flight-reader.ts';
import type { StoredFrame } from '../flight/flight-reader.ts';
import { bodyBytesOf } from './manifest.ts';
import type { Manifest, PartitionedBody, PiecedBody } from './manifest.ts';
import { readPieces } from '../partial/pieced-body.ts';
import { readFirstPartition, readStoredBody } from '../partition/body-reader.ts';

type BodyContext = Pick<EntryContext, 'frames' | 'manifests' | 'report' | 'limits'>;

/** `repair`: where a body goes on that is lost while it is read. */
type ReadingContext = BodyContext & { readonly repair?: Repair | undefined };

/** A body that is at hand. */
export function inlineBody(bytes: Uint8Array, version = '', stored = false): EntryBody {
  return {
    version,
    stored,
    bodyBytes: bytes.byteLength,
    inline: bytes,
    async *open(offset, signal) {
      signal.throwIfAborted();
      if (offset < bytes.byteLength) yield { kind: 'raw', bytes: bytes.subarray(offset) };
    },
    release: () => undefined,
  };
}

/**
 * The body of a stored entry, once its first partition is seen to be there. When that is lost the manifest is removed.
 *
 * @returns undefined when it cannot be read
 */
export async function storedBody(
  keyText: string,
  manifest: Manifest,
  context: ReadingContext,
): Promise<EntryBody | undefined> {
  const { body, scope, version } = manifest;
  if (body.kind === 'inline') return inlineBody(body.bytes, version, true);
  const { frames, limits, manifests } = context;
  const stored = { scope, frames };
  if (body.kind === 'partitions') {
    let inline: Buffer | undefined;
    try {
      inline = await readFirstPartition({ body, ...stored }, limits.inlineBytesMax);
    } catch (error) {
      await removeUnreadable({ keyText, manifest, error }, context);
      return undefined;
    }
    if (inline !== undefined) return inlineBody(inline, version, true);
    manifests.remember(keyText, manifest);
  }
  return {
    version,
    stored: true,
    bodyBytes: bodyBytesOf(manifest),
    inline: undefined,
    open: (offset, signal) => readWhole({ keyText, manifest, body }, { offset, signal }, context),
    release: () => undefined,
  };
}

/** A stored body from an offset; where partitions of it are lost, the rest as it comes anew. */
async function* readWhole(
  { keyText, manifest, body }: { keyText: string; manifest: Manifest; body: PartitionedBody | PiecedBody },
  { offset, signal }: { offset: number; signal: AbortSignal },
  context: ReadingContext,
): AsyncGenerator<BodyPart, void, undefined> {
  const stored = { scope: manifest.scope, frames: context.frames };
  let at = offset;
  try {
    const parts =
      body.kind === 'pieces'
        ? readPieces(body, stored, { offset, signal })
        : readStoredBody({ body, ...stored }, offset, signal);
    for await (const part of parts) {
      at += lengthOf(part);
      yield part;
    }
  } catch (error) {
    if (!signal.aborted) await removeUnreadable({ keyText, manifest, error }, context);
    const rest = isLoss(error) ? await context.repair?.({ manifest, offset: at }, signal) : undefined;
    if (rest === undefined) throw error;
    for await (const part of rest) {
      at += lengthOf(part);
      if (at > body.bodyBytes) throw error;
      yield part;
    }
    if (at < body.bodyBytes) throw error;
  }
}

function lengthOf(part: BodyPart): number {
  return part.kind === 'raw' ? part.bytes.byteLength : part.bodyBytes;
}

/** A place in the body of a flight; the caller opens or releases it. */
export function flightBody(
  flight: { readonly version: string; readonly body: FlightBody; readonly scope: string },
  { frames, limits }: BodyContext,
): EntryBody {
  const { scope } = flight;
  const read = async (digests: readonly Uint8Array[]): Promise<StoredFrame[]> => {
    const found = await frames.read(scope, digests);
    return digests.map((digest, i) => {
      const frame = found[i];
      if (frame === undefined)
        throw new CacheServerError('store', 'a partition of the body is lost', { isLost: true });
      return { digest, frame };
    });
  };
  return announceReader({ ...flight, stored: { scope, read }, partitionBytes: limits.partitionBytes });
}

/** The next request for what is lost shall fetch anew. A store that only fails may be back for it, and its manifest stays for all servers. */
async function removeUnreadable(
  { keyText, manifest, error }: { keyText: string; manifest: Manifest; error: unknown },
  { manifests, report }: BodyContext,
): Promise<void> {
  report('store-read', { key: keyText, error });
  if (isLoss(error)) await manifests.removeVersion(keyText, manifest.version);
}
