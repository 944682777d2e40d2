/**
 * Where the rest of a body comes from when whoever told it has gone: from the next leader, which may be this server's own new flight; from
 * the store; at last from the upstream itself. Each tells it from the first byte; what was passed on already is compared.
 */
import { askUpstream } from './ask-upstream.ts';
import type { EntryContext } from '../entry/entry-context.ts';
import { CacheServerError } from '../errors.ts';
import type { FetchTask } from './fetch-task.ts';
import type { FlightHead } from './flight-head.ts';
import { readerOf, takeLease } from './flight-lease.ts';
import type { ClusterContext, NamedLease } from './flight-lease.ts';
import type { Seat } from '../flight/flight-table.ts';
import type { Flight } from '../flight/flight.ts';
import { leadFlight } from './lead-flight.ts';
import type { FlightRecord, HeadRecord } from '../lease/flight-record.ts';
import type { ReadingEnd, RecordReader } from '../lease/record-reader.ts';
import type { Manifest } from '../entry/manifest.ts';
import { partitionDigests } from '../partition/body-index.ts';

/** The flight that another server leads. */
export interface FollowedFlight extends NamedLease {
  /** Its upstream had answered before anybody here asked, as far as was told by then. */
  readonly isAnswered: boolean;
  /** When the first of those who wait here asked, in milliseconds. */
  readonly askedAtMs: number;
}

/** Why a source has no more; the last record said so, or there was none. */
export type SourceEnd = ReadingEnd | 'settled' | 'released';
/** A body told from its first byte. */
export type BodySource = AsyncGenerator<FlightRecord, SourceEnd, undefined>;

/** What sources are made of. */
export interface FollowSourcesOptions {
  readonly task: FetchTask;
  readonly flight: Flight<FlightHead>;
  readonly name: string;
  readonly context: ClusterContext;
  /** Of the flight that was followed first; closed by whoever made it. */
  readonly reader: RecordReader;
  /** Told when what comes next is not stored by anybody. */
  readonly onNotStored: () => void;
}

/** Attempts to get to the end of one body. */
const SOURCES_MAX = 6;

/** The sources of one body. */
export class FollowSources {
  readonly #options: FollowSourcesOptions;
  readonly #seats: Seat<FlightHead>[] = [];
  readonly #readers: RecordReader[] = [];
  /** Of the source that is read now; undefined when that is not a flight. */
  #reader: RecordReader | undefined;
  #count = 0;

  constructor(options: FollowSourcesOptions) {
    this.#options = options;
    this.#reader = options.reader;
  }

  /** Another source. @throws CacheServerError when there have been too many */
  async next(end: SourceEnd): Promise<BodySource> {
    this.#options.flight.signal.throwIfAborted();
    this.#count += 1;
    if (this.#count > SOURCES_MAX)
      throw new CacheServerError('upstream-truncated', 'those who fetched the response broke off');
    this.#reader = undefined;
    if (end === 'vacant' || end === 'taken') return (await this.#nextLeader()) ?? this.#upstream();
    return (end === 'settled' ? await this.#stored() : undefined) ?? this.#upstream();
  }

  /** Waits until the flight that told the end has published it, or will not. */
  async landed(): Promise<void> {
    await this.#reader?.untilReleased();
  }

  close(): void {
    for (const reader of this.#readers) reader.close();
    for (const seat of this.#seats) seat.leave();
  }

  async #nextLeader(): Promise<BodySource | undefined> {
    const { task, flight, name, context } = this.#options;
    const take = await takeLease(name, context);
    if (take === undefined) return undefined;
    const lease = { name, token: take.token };
    if (take.kind === 'taken') {
      context.counters.flightRole('takeover');
      const seat = context.flights.join(flight.key, {
        run: async (leader) => await leadFlight(task, leader, { lease, context }),
        accepts: () => false,
        isOutdated: () => true,
      });
      // As long as this one needs it, it is not abandoned.
      this.#seats.push(seat);
    }
    const reader = readerOf(lease, flight.signal, context);
    this.#readers.push(reader);
    this.#reader = reader;
    return reader.records();
  }

  async #stored(): Promise<BodySource | undefined> {
    const { flight, context } = this.#options;
    const manifest = await context.manifests.read(flight.publishesAs.text);
    return manifest && storedRecords(manifest, context);
  }

  #upstream(): BodySource {
    this.#options.onNotStored();
    return fetchedRecords(this.#options);
  }
}

/** What the store has of a body. */
async function* storedRecords(
  { body, ...head }: Manifest,
  { frames, limits }: EntryContext,
): AsyncGenerator<FlightRecord, SourceEnd, undefined> {
  if (body.kind === 'pieces') return 'unreadable';
  const { partitionBytes } = body.kind === 'partitions' ? body : limits;
  const bodyBytes = body.kind === 'partitions' ? body.bodyBytes : body.bytes.byteLength;
  yield { ...headRecord(head, { bodyBytes, partitionBytes }), version: head.version, isStored: true };
  if (body.kind === 'inline') yield { kind: 'bytes', offset: 0, bytes: body.bytes };
  else {
    const count = Math.ceil(bodyBytes / partitionBytes);
    const digests = await partitionDigests(body, { from: 0, to: count }, { frames, scope: head.scope });
    for (const [index, digest] of digests.entries()) {
      const rest = bodyBytes - index * partitionBytes;
      yield { kind: 'partition', index, digest, bodyBytes: Math.min(partitionBytes, rest) };
    }
  }
  yield { kind: 'end', bodyBytes };
  return 'last';
}

/** What the upstream itself says now. */
async function* fetchedRecords({
  task,
  flight,
  context,
}: FollowSourcesOptions): AsyncGenerator<FlightRecord, SourceEnd, undefined> {
  const { target, sent } = task;
  const { response, head } = await askUpstream({ target, headers: sent, signal: flight.signal }, context);
  const { partitionBytes } = context.limits;
  yield headRecord(head, { bodyBytes: response.bodyBytes, partitionBytes });
  let offset = 0;
  for await (const bytes of response.body) {
    context.counters.upstreamBytes(bytes.length);
    yield { kind: 'bytes', offset, bytes };
    offset += bytes.length;
  }
  yield { kind: 'end', bodyBytes: offset };
  return 'last';
}

function headRecord(
  head: Pick<HeadRecord, 'status' | 'headers' | 'requestTimeMs' | 'responseTimeMs'>,
  { bodyBytes, partitionBytes }: Pick<HeadRecord, 'bodyBytes' | 'partitionBytes'>,
): HeadRecord {
  const { status, headers, requestTimeMs, responseTimeMs } = head;
  return {
    kind: 'head',
    status,
    headers,
    requestTimeMs,
    responseTimeMs,
    bodyBytes,
    partitionBytes,
    version: '',
    generation: { epoch: '', sequence: 0 },
    outcome: 'miss',
    variant: undefined,
    isStored: false,
  };
}
