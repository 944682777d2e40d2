/** The body of a flight that another server leads, as this server's readers get it: at once, and from its first byte for whoever comes later. */
import { entryTags } from '@pannier/proto/generation';
import { CacheServerError } from '../errors.ts';
import type { FetchTask } from './fetch-task.ts';
import type { FlightHead } from './flight-head.ts';
import type { ClusterContext } from './flight-lease.ts';
import { FlightBody } from '../flight/flight-body.ts';
import type { Flight } from '../flight/flight.ts';
import { FollowSources } from './follow-sources.ts';
import type { BodySource, FollowedFlight, SourceEnd } from './follow-sources.ts';
import { FollowedPartitions } from './followed-partitions.ts';
import { BodyAssembly, changed, mayContinue } from '../lease/body-assembly.ts';
import { failureOf } from '../lease/flight-record.ts';
import type { FlightRecord, HeadRecord } from '../lease/flight-record.ts';
import type { RecordReader } from '../lease/record-reader.ts';
import { openPartition } from '../partition/fixed-size.ts';
import { placeFlight } from './response-place.ts';

/** What is followed, as far as it has been read. */
export interface FollowedBody {
  readonly followed: FollowedFlight;
  readonly context: ClusterContext;
  readonly reader: RecordReader;
  readonly head: HeadRecord;
  /** What comes behind the head. */
  readonly records: BodySource;
}

/** Passes a body on until it is whole and published. Rejects when its end cannot be had; the readers see the same error. */
export async function followBody(
  task: FetchTask,
  flight: Flight<FlightHead>,
  { followed, context, reader, head, records }: FollowedBody,
): Promise<'done'> {
  const { clock, limits, frames, pool, report } = context;
  const { version, generation, status, headers, requestTimeMs, responseTimeMs, variant } = head;
  flight.version = version;
  // By its leader's clock it may be from the future.
  flight.captured = { generation, atMs: Math.min(requestTimeMs, flight.captured?.atMs ?? -Infinity) };
  flight.tags = entryTags(headers);
  const key = placeFlight(task, flight, { variant, isShared: true, context });
  const { policy } = task.target.upstream;
  const partitions = new FollowedPartitions(clock);
  const notStored = (): void =>
    partitions.fail(new CacheServerError('store', 'whoever stored the body has gone'));
  const body = new FlightBody({
    pool,
    clock,
    // Its leader holds what is not stored yet, too: a bound of its own could wait for what comes behind it.
    limits: { ...limits, flightBytesBufferedMax: Infinity },
    bodyBytes: head.bodyBytes,
    sink: head.isStored ? partitions : undefined,
    signal: flight.signal,
    onStoringEnded: () => flight.checkFollowers(),
    onLagged: () => report('reader-lagged', { key: key.text }),
    onLeft: () => flight.checkFollowers(),
  });
  flight.attach(body, true);
  flight.settle({
    kind: 'arriving',
    outcome: head.outcome,
    head: { status, headers, requestTimeMs, responseTimeMs, policy },
    variant,
    body,
    isShared: true,
    isFollowed: true,
  });
  const assembly = new BodyAssembly({
    partitionBytes: limits.partitionBytes,
    readPartition: async (digest, bodyBytes) => {
      const [frame] = await frames.read(key.scope, [digest]);
      if (frame === undefined)
        throw new CacheServerError('store', 'a partition of the body is lost', { isLost: true });
      return await openPartition({ digest, frame }, { scope: key.scope, bodyBytes });
    },
    onStored: (index, digest) => partitions.stored(index, digest),
  });
  const { name } = followed;
  const sources = new FollowSources({ task, flight, name, context, reader, onNotStored: notStored });
  try {
    await body.pump(passedOn(records, { head, assembly, sources, flight }));
    await sources.landed();
    // Published or not, whatever it was cut into has been written.
    for (const [index, digest] of assembly.digests().entries()) partitions.stored(index, digest);
  } finally {
    notStored();
    sources.close();
  }
  return 'done';
}

/** Records that say nothing by themselves. */
const OF_A_BODY: ReadonlySet<FlightRecord['kind']> = new Set(['bytes', 'partition', 'end']);

interface Passing {
  readonly head: HeadRecord;
  readonly assembly: BodyAssembly;
  readonly sources: FollowSources;
  readonly flight: Flight<FlightHead>;
}

/** The bytes of the body, each once, wherever they come from. Ends only when it is whole. */
async function* passedOn(first: BodySource, passing: Passing): AsyncGenerator<Buffer, void, undefined> {
  const { assembly, sources } = passing;
  let end = yield* told(first, passing);
  while (end !== 'whole') {
    const source = await sources.next(end);
    assembly.restart();
    end = yield* told(named(source), passing);
  }
}

/** Begins with its head, or tells nothing: that may have been lost with a failover, and of what response the bytes behind it are, nobody knows. */
async function* named(source: BodySource): BodySource {
  try {
    const first = await source.next();
    if (first.done === true) return first.value;
    if (OF_A_BODY.has(first.value.kind)) return 'unreadable';
    yield first.value;
    return yield* source;
  } finally {
    await source.return('last');
  }
}

async function* told(
  source: BodySource,
  passing: Passing,
): AsyncGenerator<Buffer, SourceEnd | 'whole', undefined> {
  try {
    for (;;) {
      const step = await source.next();
      if (step.done === true) return step.value;
      const fresh = await freshBytes(step.value, passing);
      if (typeof fresh === 'string') return fresh;
      for (const bytes of fresh) {
        passing.flight.arrived(bytes.length);
        yield bytes;
      }
    }
  } finally {
    // It may be an exchange with the upstream.
    await source.return('last');
  }
}

/** What a record adds to what was passed on, or why its source is of no more use. */
async function freshBytes(
  record: FlightRecord,
  passing: Passing,
): Promise<readonly Buffer[] | SourceEnd | 'whole'> {
  try {
    return await added(record, passing);
  } catch (error) {
    // A record was lost with a failover, a partition is, or the store is away: there are other sources.
    if (error instanceof CacheServerError && error.code === 'store') return 'unreadable';
    throw error;
  }
}

async function added(
  record: FlightRecord,
  { head, assembly }: Passing,
): Promise<readonly Buffer[] | SourceEnd | 'whole'> {
  switch (record.kind) {
    case 'head':
      if (!mayContinue(head, record)) throw changed();
      return record.partitionBytes === head.partitionBytes ? [] : 'unreadable';
    case 'bytes':
      return assembly.bytes(record.offset, record.bytes);
    case 'partition':
      return await assembly.partition(record);
    case 'end':
      if (head.bodyBytes !== undefined && head.bodyBytes !== record.bodyBytes) throw changed();
      assembly.end(record.bodyBytes);
      return 'whole';
    case 'failed':
      throw failureOf(record);
    case 'settled':
    case 'released':
      return record.kind;
  }
}
