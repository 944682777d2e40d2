/** The server's side of an ingest: feeds the worker with documents, and stores the partitions that come back. */
import type { Config } from '@pannier/runtime';
import type { BodyPart } from '../../entry/entry-answer.ts';
import type { IngestSummary } from './ingest-plan.ts';
import { IngestThread } from './ingest-thread.ts';
import type { IngestThreadOptions } from './ingest-thread.ts';
import { ThreadSlots } from './thread-slots.ts';

/** One document of a dataset. */
export interface IngestDocument {
  /** Of the response; '' for none. */
  readonly contentEncoding: string;
  /** Begins what is told of it, such as `page 3: `; '' where there is but one. */
  readonly place: string;
  /** Its length as it arrives; undefined while unknown. */
  readonly bodyBytes?: number | undefined;
  /** Its bytes as they arrive, or as they are stored. */
  readonly parts: AsyncIterable<BodyPart>;
}

/** An ingest. */
export interface IngestRun extends IngestThreadOptions {
  readonly slots: Pick<Config['limits'], 'ingestThreadsMax' | 'ingestWaitMs'>;
  readonly documents: AsyncIterable<IngestDocument>;
}

const slots = new ThreadSlots();

/** Cuts documents into stored partitions, when it is its turn. Nothing is published here. */
export async function runIngest(run: IngestRun): Promise<IngestSummary> {
  const giveBack = await slots.take(run.slots, run.signal);
  const thread = new IngestThread(run);
  try {
    await Promise.race([feed(run, thread), thread.failed]);
    return await thread.done;
  } finally {
    await thread.end();
    giveBack();
  }
}

async function feed({ documents }: IngestRun, thread: IngestThread): Promise<void> {
  for await (const { contentEncoding, place, parts } of documents) {
    await thread.tell({ kind: 'document', contentEncoding, place });
    for await (const part of parts) {
      if (part.kind === 'frame') {
        const { scope, digest, frame, skipBytes } = part;
        await thread.tell({
          kind: 'frame',
          frame: { scope, digest: own(digest), frame: own(frame), skipBytes },
        });
      } else {
        // The memory belongs to the flight, and a view would take all of it along to the thread.
        const bytes = new Uint8Array(part.bytes);
        await thread.tell({ kind: 'bytes', bytes }, [bytes.buffer]);
      }
    }
    await thread.tell({ kind: 'document-end' });
  }
  await thread.tell({ kind: 'end' });
}

/** Bytes without the larger memory that they may be a view of. */
function own(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}
