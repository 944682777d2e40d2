/** For tests: a log of invalidations, as any number of scripted servers tell of it. */
import { create } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { InvalidationMode, WatchResponseSchema } from '@pannier/proto';
import type {
  CacheService,
  InvalidationTarget,
  ServiceHandlers,
  WatchRequest,
  WatchResponse,
} from '@pannier/proto';

type Message = MessageInitShape<typeof WatchResponseSchema>;
type Call = ServerWritableStream<WatchRequest, WatchResponse>;
type Target = InvalidationTarget['target'];

const BEAT_MS = 50;

/** See the head of this file. */
export class ScriptedLog {
  epoch = 'one';
  sequence: number;
  /** Events below it are not known any more. */
  firstKept = 1;
  /** While true, nothing is told to anybody. */
  silent = false;
  /** What was asked for, in order. */
  readonly requests: (readonly [epoch: string, after: number])[] = [];
  readonly #events: Message[] = [];
  readonly #calls = new Set<Call>();

  constructor(sequence = 0) {
    this.sequence = sequence;
  }

  /** For the script of a server. */
  get calls(): Pick<ServiceHandlers<typeof CacheService>, 'watch'> {
    return { watch: (call) => this.#serve(call) };
  }

  /** Streams that are open. */
  get watchers(): number {
    return this.#calls.size;
  }

  /** Where the log has come to. */
  get generation(): { readonly epoch: string; readonly sequence: bigint } {
    return { epoch: this.epoch, sequence: BigInt(this.sequence) };
  }

  invalidate(target: Target, mode: 'hard' | 'soft' = 'hard'): void {
    this.sequence += 1;
    const told = { hard: InvalidationMode.HARD, soft: InvalidationMode.SOFT }[mode];
    this.#append({ target: { target }, mode: told });
  }

  publish(dataset: string, version: string): void {
    this.sequence += 1;
    this.#append({ published: { dataset, version } });
  }

  #append(what: Omit<Message, '$typeName'>): void {
    const event = { sequence: BigInt(this.sequence), epoch: this.epoch, ...what } as Message;
    this.#events.push(event);
    for (const call of this.#calls) this.#tell(call, event);
  }

  /** Ends every stream. */
  cut(): void {
    for (const call of this.#calls) call.end();
  }

  #serve(call: Call): void {
    const { epoch, afterSequence } = call.request;
    this.requests.push([epoch, Number(afterSequence)]);
    this.#calls.add(call);
    const isLost = epoch !== '' && (epoch !== this.epoch || Number(afterSequence) < this.firstKept - 1);
    if (isLost) this.#tell(call, { ...this.generation, target: { target: { case: 'all', value: true } } });
    else if (epoch !== '')
      for (const event of this.#events) if (Number(event.sequence) > afterSequence) this.#tell(call, event);
    this.#beat(call);
    const beats = setInterval(() => this.#beat(call), BEAT_MS);
    for (const name of ['cancelled', 'close', 'error'])
      call.on(name, () => {
        clearInterval(beats);
        this.#calls.delete(call);
      });
  }

  #beat(call: Call): void {
    this.#tell(call, { ...this.generation, confirmedMsAgo: 0 });
  }

  #tell(call: Call, message: Message): void {
    if (!this.silent && !call.destroyed) call.write(create(WatchResponseSchema, message));
  }
}
