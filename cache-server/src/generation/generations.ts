/**
 * What this server knows of the cluster's invalidations: it follows the log, and knows since when its view is confirmed. A view that may be
 * older than a second asks before it judges; when the log cannot be reached, what looks valid is `unknown`, and the upstream has the last word.
 */
import { GenerationView } from '@pannier/proto/generation';
import type {
  EntryTargets,
  Generation,
  GenerationMode,
  GenerationTarget,
  Verdict,
} from '@pannier/proto/generation';
import type { Clock } from '../clock.ts';
import { CacheServerError } from '../errors.ts';
import { EventMemory } from './event-memory.ts';
import type { EventPage } from './event-memory.ts';
import type { AppendResult, InvalidationLog, LogEvent, LogPosition, NewEvent } from './invalidation-log.ts';
import { boundedPublication } from './publication-names.ts';

/** What `Generations` is made of. */
export interface GenerationsOptions {
  readonly log: InvalidationLog;
  readonly clock: Clock;
  /** Told each time that the log cannot be read. */
  readonly onFailure?: (error: unknown) => void;
}

/** What is made of an entry, and by which knowledge. */
export interface Judgement {
  /** `unknown`: the view is not confirmed, or the entry is from before the log began anew, so that only the upstream can tell. */
  readonly verdict: Verdict | 'unknown';
  readonly at: Generation;
}

/** How often the log is read without being told to, and how long it is left alone when it fails; in milliseconds. */
const POLL_MS = 200;
/** How old the view may be, in milliseconds. */
const CONFIRMED_MS = 1000;
/** How long a judgement waits for the log, in milliseconds. */
const CONFIRM_WAIT_MS = 250;
/** How soon a log that could not be read is tried again by who cannot do without, in milliseconds. */
const RETRY_MS = 25;

/** Known before the log has been read. */
const NOWHERE: LogPosition = { epoch: '', sequence: 0, stamp: '' };

/** See the head of this file. */
export class Generations {
  readonly #options: GenerationsOptions;
  readonly #view = new GenerationView();
  readonly #events = new EventMemory();
  readonly #stopListening: () => void;
  #position = NOWHERE;
  /** When the last read that found nothing new was begun. */
  #confirmedAtMs = -Infinity;
  #failedAtMs = -Infinity;
  #reading: Promise<boolean> | undefined;
  #isReadAgain = false;
  #stopWaiting = (): void => undefined;
  #isClosed = false;

  constructor(options: GenerationsOptions) {
    this.#options = options;
    this.#stopListening = options.log.onAppended(() => void this.#wake());
    void this.#wake();
  }

  /** The last invalidation that is known of; of no epoch before the log has been read. */
  get position(): Generation {
    const { epoch, sequence } = this.#position;
    return { epoch, sequence };
  }

  /** How long ago it was confirmed that nothing comes after {@link position}, in milliseconds; Infinity for never. */
  get confirmedMsAgo(): number {
    if (this.#options.log.isLocal && this.#position !== NOWHERE) return 0;
    const ms = this.#options.clock.now() - this.#confirmedAtMs;
    // Of a clock that was set back nobody knows how long ago that was.
    return ms < 0 ? Infinity : ms;
  }

  /** Taken before an upstream is asked: what comes back is outdated by every later invalidation of it. */
  async capture(): Promise<Generation> {
    if (this.#position === NOWHERE) await this.#confirm();
    return this.position;
  }

  /**
   * The same for what no upstream can be asked about later: by a read of the log that began after this call, so that nothing that was
   * acknowledged before it outdates what is captured.
   *
   * @throws CacheServerError `store` when there was no such read within so many milliseconds
   */
  async captureForSure(waitMs: number): Promise<Generation> {
    const { log, clock } = this.#options;
    if (log.isLocal) return await this.capture();
    const { promise: late, resolve } = Promise.withResolvers<'late'>();
    const stopWaiting = clock.after(waitMs, () => resolve('late'));
    try {
      for (;;) {
        const read = await Promise.race([this.#readAnew(), late]);
        if (read === true) return this.position;
        if (read === 'late' || this.#isClosed) break;
        if ((await Promise.race([this.#pause(RETRY_MS), late])) === 'late') break;
      }
    } finally {
      stopWaiting();
    }
    throw new CacheServerError('store', `the log of invalidations could not be read within ${waitMs} ms`);
  }

  /** What is made of an entry that was captured at a generation, by what is known. `known`: without asking. */
  known(captured: Generation, targets: () => EntryTargets): Verdict {
    if (captured.epoch !== this.#position.epoch) return 'stale';
    if (captured.sequence >= this.#view.sequence) return 'valid';
    return this.#view.judge(targets(), captured.sequence);
  }

  /** The same, by a view that is confirmed, if that is possible. */
  async judge(captured: Generation, targets: () => EntryTargets): Promise<Judgement> {
    const isSure = this.confirmedMsAgo <= CONFIRMED_MS || (await this.#confirm());
    const at = this.position;
    const verdict = this.known(captured, targets);
    // Of a log that began anew nobody knows what it would have said.
    const isKnown = isSure && captured.epoch === at.epoch;
    return { verdict: isKnown || verdict === 'gone' ? verdict : 'unknown', at };
  }

  /**
   * Invalidates: for this server from now on, for the others within a second.
   *
   * @returns the number of the last of the invalidations
   * @throws CacheServerError `store` when the log cannot be reached; whether it has them is not known then
   */
  async invalidate(targets: readonly GenerationTarget[], mode: GenerationMode): Promise<Generation> {
    return await this.#append(targets.map((target) => ({ kind: 'invalidation', target, mode })));
  }

  /** Tells everybody who watches of a version of a dataset. @throws CacheServerError `store` */
  async announce(published: Extract<NewEvent, { kind: 'publication' }>['published']): Promise<void> {
    await this.#append([{ kind: 'publication', published: boundedPublication(published) }]);
  }

  /** Events after a generation, as far as they are known; see {@link EventMemory.after}. */
  eventsAfter(from: Generation): EventPage {
    return this.#events.after(from, this.position);
  }

  /** Resolves when there are new events, after so many milliseconds, or with the signal. */
  async changed(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const isOver = (): void => resolve(undefined);
    const stopListening = this.#events.onChange(isOver);
    const stopWaiting = this.#options.clock.after(timeoutMs, isOver);
    signal.addEventListener('abort', isOver, { once: true });
    if (!signal.aborted) await promise;
    signal.removeEventListener('abort', isOver);
    stopWaiting();
    stopListening();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopListening();
    this.#stopWaiting();
    await this.#reading;
    await this.#options.log.close();
  }

  async #append(events: readonly NewEvent[]): Promise<Generation> {
    let appended: AppendResult;
    try {
      appended = await this.#options.log.append(events);
    } catch (error) {
      // It may be in the log: nothing is certain before that has been read again.
      this.#confirmedAtMs = -Infinity;
      throw error;
    }
    const { head } = appended;
    const follows =
      this.#position.epoch === head.epoch && appended.events[0]?.sequence === this.#position.sequence + 1;
    if (follows) this.#apply(appended.events);
    else await this.#catchUp(appended);
    return head;
  }

  /** Others appended meanwhile. What was appended here counts here at once, whether the log can be read now or not. */
  async #catchUp({ head, events }: AppendResult): Promise<void> {
    const isPast = (): boolean =>
      this.#position.epoch === head.epoch && this.#position.sequence >= head.sequence;
    for (let round = 0; round < 2 && !isPast(); round += 1) await this.#read();
    if (isPast()) return;
    this.#confirmedAtMs = -Infinity;
    for (const event of events) if (event.kind === 'invalidation') this.#view.add(event);
  }

  /** False when the log cannot be reached, at all or not soon. */
  async #confirm(): Promise<boolean> {
    const { clock } = this.#options;
    if (clock.now() - this.#failedAtMs < POLL_MS) return false;
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    // In two steps: a process that was held up has the reply lying there, and takes it between them.
    let stopWaiting = clock.after(CONFIRM_WAIT_MS / 2, () => {
      stopWaiting = clock.after(CONFIRM_WAIT_MS / 2, () => resolve(false));
    });
    try {
      // One that is under way may have begun too long ago.
      const isRead = (): Promise<boolean> => Promise.race([this.#read(), late]);
      return (await isRead()) && (this.confirmedMsAgo <= CONFIRMED_MS || (await isRead()));
    } finally {
      stopWaiting();
    }
  }

  async #wake(): Promise<void> {
    if (this.#isClosed) return;
    // What was appended after the read under way looked is read by the next one.
    this.#isReadAgain = this.#reading !== undefined;
    await this.#read();
    if (this.#isReadAgain) {
      this.#isReadAgain = false;
      await this.#read();
    }
    this.#stopWaiting();
    if (!this.#options.log.isLocal && !this.#isClosed)
      this.#stopWaiting = this.#options.clock.after(POLL_MS, () => void this.#wake());
  }

  /** Reads to the end of the log; one at a time. Never rejects. */
  async #read(): Promise<boolean> {
    this.#reading ??= this.#readToEnd().finally(() => (this.#reading = undefined));
    return await this.#reading;
  }

  /** By a read that has not begun yet. */
  async #readAnew(): Promise<boolean> {
    await this.#reading;
    return await this.#read();
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#options.clock.after(ms, () => resolve(undefined));
    await promise;
  }

  async #readToEnd(): Promise<boolean> {
    const { clock, onFailure } = this.#options;
    try {
      for (let isAtEnd = false; !isAtEnd;) {
        const startedAtMs = clock.now();
        isAtEnd = await this.#readPage();
        if (isAtEnd) this.#confirmedAtMs = startedAtMs;
      }
      this.#failedAtMs = -Infinity;
      return true;
    } catch (error) {
      this.#failedAtMs = clock.now();
      onFailure?.(error);
      return false;
    }
  }

  /** @returns true at the end of the log */
  async #readPage(): Promise<boolean> {
    const { log } = this.#options;
    if (this.#position === NOWHERE) await this.#begin();
    const { standing, head, events } = await log.read(this.#position);
    if (standing !== 'continues') {
      // Somebody may have relied on what the log has lost: everything older has to be asked about.
      if (standing === 'lost-end') await log.renew(this.#position.epoch);
      await this.#begin();
      return false;
    }
    this.#apply(events);
    return this.#position.sequence >= head.sequence;
  }

  /** Takes over what was before the events that can be read one by one. */
  async #begin(): Promise<void> {
    const { position, folded } = await this.#options.log.snapshot();
    if (position.epoch !== this.#position.epoch) this.#view.clear();
    this.#view.load(folded);
    this.#position = position;
    this.#events.beginAt(position);
  }

  #apply(events: readonly LogEvent[]): void {
    const added = events.filter(({ sequence }) => sequence > this.#position.sequence);
    const last = added.at(-1);
    if (last === undefined) return;
    for (const event of added) if (event.kind === 'invalidation') this.#view.add(event);
    this.#position = { epoch: this.#position.epoch, sequence: last.sequence, stamp: last.stamp };
    this.#events.add(added);
  }
}
