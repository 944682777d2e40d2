/** Several reads of one version at a time, joined to one. Each holds what it read last and decodes a little ahead, no more. */
import { PannierError } from './errors.ts';
import { deal } from './read-plan.ts';
import type { PlannedPartition, ReadPlan } from './read-plan.ts';
import { readPartitions } from './read-records.ts';
import type { PassedPartition } from './read-records.ts';
import type { RecordRead } from './record-read.ts';

/** How many read, and whether their records come in the order of the partitions. */
export interface ReaderOptions {
  readonly readers: number;
  readonly ordered: boolean;
}

/** What passes of a partition, and its position in the version. */
export interface ArrivedPartition extends Pick<PassedPartition, 'records'> {
  readonly place: number;
}

type Arrival = ArrivedPartition | undefined;

/** One of the reads: what it brings next, and the least place in the version that this can have. */
class ReadLane {
  readonly #source: AsyncGenerator<PassedPartition, void, undefined>;
  readonly #partitions: readonly PlannedPartition[];
  readonly #places: ReadonlyMap<string, number>;
  readonly #onFailure: (error: unknown) => void;
  #at = 0;
  /** The partition that comes next; undefined at the end. */
  arrival: Promise<Arrival>;

  constructor(
    source: AsyncGenerator<PassedPartition, void, undefined>,
    partitions: readonly PlannedPartition[],
    onFailure: (error: unknown) => void,
  ) {
    this.#source = source;
    this.#partitions = partitions;
    this.#places = new Map(partitions.map(({ name, place }) => [name, place]));
    this.#onFailure = onFailure;
    this.arrival = this.#begin();
  }

  /** Infinity when only the end is still to come. */
  get place(): number {
    return this.#partitions[this.#at]?.place ?? Infinity;
  }

  /** Nothing before this place will come. */
  skipTo(place: number): void {
    while (this.place < place) this.#at += 1;
  }

  /** Begins to read on, so that it is at work while the records of the arrival are used. */
  advance(): void {
    this.arrival = this.#begin();
  }

  async end(): Promise<void> {
    await this.#source.return();
  }

  #begin(): Promise<Arrival> {
    const arrival = this.#next();
    arrival.catch(this.#onFailure);
    return arrival;
  }

  async #next(): Promise<Arrival> {
    for (;;) {
      const { done, value } = await this.#source.next();
      if (done === true) return undefined;
      const place = this.#places.get(value.name);
      // Who asks for `FR` is sent its parts, too: another one may have been dealt them.
      if (place === undefined) continue;
      return { place, records: value.records };
    }
  }
}

/** Yields what passes of some partitions of a version, by partition. A failure of one reader ends all of them; so does leaving early. */
export async function* readInParallel(
  read: RecordRead,
  { version, partitions }: ReadPlan,
  { readers, ordered }: ReaderOptions,
): AsyncGenerator<ArrivedPartition, void, undefined> {
  const over = new AbortController();
  const { options } = read;
  const signal = options.signal === undefined ? over.signal : AbortSignal.any([options.signal, over.signal]);
  // The reason of the first failure is what the others reject with.
  const onFailure = (error: unknown): void => over.abort(error);
  const hands = deal(partitions, readers).filter((hand) => hand.length > 0);
  const lanes = hands.map((hand) => {
    const names = hand.map(({ name }) => name);
    const source = readPartitions({ ...read, partitions: names, options: { ...options, version, signal } });
    return new ReadLane(source, hand, onFailure);
  });
  const joined = ordered ? inOrder([...lanes]) : asTheyCome([...lanes]);
  try {
    for await (const arrived of joined) {
      yield arrived;
      signal.throwIfAborted();
    }
  } finally {
    // A lane that waits can only be ended after its wait was.
    over.abort(new PannierError('cancelled', 'the read was left'));
    await Promise.allSettled(lanes.map((lane) => lane.end()));
  }
}

/** Waits for no lane but the one whose partition must be next. */
async function* inOrder(lanes: ReadLane[]): AsyncGenerator<ArrivedPartition, void, undefined> {
  while (lanes.length > 0) {
    const lane = lanes.reduce((one, other) => (other.place < one.place ? other : one));
    const arrival = await lane.arrival;
    if (arrival === undefined) lanes.splice(lanes.indexOf(lane), 1);
    // The filter left out partitions in between: another lane may come first now.
    else if (arrival.place > lane.place) lane.skipTo(arrival.place);
    else {
      lane.skipTo(arrival.place + 1);
      lane.advance();
      yield arrival;
    }
  }
}

async function* asTheyCome(lanes: ReadLane[]): AsyncGenerator<ArrivedPartition, void, undefined> {
  while (lanes.length > 0) {
    const first = await Promise.race(lanes.map(async (lane) => ({ lane, arrival: await lane.arrival })));
    // Whoever came goes to the end, so that none that is always ready keeps the others waiting.
    lanes.splice(lanes.indexOf(first.lane), 1);
    if (first.arrival === undefined) continue;
    lanes.push(first.lane);
    first.lane.advance();
    yield first.arrival;
  }
}
