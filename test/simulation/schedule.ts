/** One schedule: what clients ask, what the upstream publishes, what breaks, all drawn from one seed; and what must hold whatever happens. */
import { CacheServerError } from '../../cache-server/src/errors.ts';
import { Judge } from './judge.ts';
import { seededRandom } from './random.ts';
import type { Random } from './random.ts';
import { SimulatedReplica } from './simulated-replica.ts';
import type { Timeline } from './simulated-time.ts';
import { SimulatedUpstream } from './simulated-upstream.ts';
import { simulatedStage } from './stage.ts';
import type { Sabotage } from './sabotage.ts';
import type { Stage } from './stage.ts';

/** What a schedule showed. */
export interface ScheduleResult {
  readonly seed: number;
  /** What did not hold, in sentences. */
  readonly violations: readonly string[];
  readonly steps: number;
  readonly reads: number;
  readonly failedReads: number;
  readonly fetches: number;
  /** Faults that were injected, by name. */
  readonly faults: readonly string[];
  /** What happened, in order: equal for two runs of one seed. */
  readonly trace: readonly string[];
}

const REPLICAS = 3;
const PATH = '/document';
/** When the last event is drawn, and when everything must have come to an end, in milliseconds. */
const DRAWN_MS = 6000;
const ENDED_MS = 120_000;
/** For how long it goes on when the last read has ended, in milliseconds. */
const LATE_MS = 1500;
/** Name of a fault. */
const CUT_BODIES = 'cut bodies';
/** Share of schedules in which no server and no connection breaks. */
const CALM_SHARE = 0.2;
/** How far clocks may be off, in milliseconds: by a little, or by more than a lease lasts. */
const SKEW_MS = 500;
const GREAT_SKEW_MS = 10_000;
/** How often, and every how many milliseconds, it is seen whether somebody asks the upstream. */
const ASKING_TRIES = 100;
const ASKING_POLL_MS = 20;
/** Of all schedules: those that have a fault. Who is stopped finds another one in its place; that has the most ways to go wrong. */
const FAULT_SHARES: Readonly<Record<string, number>> = {
  'kill -9': 0.25,
  stop: 0.7,
  'cut off': 0.25,
  failover: 0.25,
};

const CACHE_CONTROLS = ['max-age=60', 'max-age=60', 'max-age=1, stale-while-revalidate=2', 'no-cache'];

/** Plays a schedule in simulated time. */
export async function runSchedule(seed: number, sabotage?: Sabotage): Promise<ScheduleResult> {
  const random = seededRandom(seed);
  return await playSchedule(seed, { random, stage: simulatedStage(random, sabotage), sabotage });
}

/** Plays a schedule on a stage, whose time may be the real one: then it takes as long as it says. */
export async function playSchedule(
  seed: number,
  on: { random: Random; stage: Stage; sabotage?: Sabotage | undefined },
): Promise<ScheduleResult> {
  return await new ScheduleRun(seed, on).result();
}

class ScheduleRun {
  readonly #seed: number;
  readonly #random: Random;
  readonly #time: Timeline;
  readonly #stage: Stage;
  readonly #upstream: SimulatedUpstream;
  readonly #replicas: SimulatedReplica[];
  readonly #judge: Judge;
  readonly #trace: string[] = [];
  readonly #faults: string[] = [];
  /** What ends the reads of each replica. */
  readonly #waiting = Array.from({ length: REPLICAS }, () => new Set<(what: string) => void>());
  #open = 0;
  #lastReadMs = 0;
  #reads = 0;
  #failedReads = 0;
  readonly #isCacheable: boolean;

  constructor(
    seed: number,
    { random, stage, sabotage }: { random: Random; stage: Stage; sabotage?: Sabotage | undefined },
  ) {
    const { time } = stage;
    this.#seed = seed;
    this.#random = random;
    this.#stage = stage;
    this.#time = time;
    const isSlow = random.chance(0.3);
    const cutShare = random.chance(0.3) ? 0.2 : 0;
    if (cutShare > 0) this.#faults.push(CUT_BODIES);
    const cacheControl = random.pick(CACHE_CONTROLS);
    this.#isCacheable = cacheControl.startsWith('max-age=60');
    this.#upstream = new SimulatedUpstream({
      time,
      random,
      bodyBytes: [50, 3000],
      headMs: [5, 300],
      pieceMs: [1, isSlow ? 900 : 60],
      pieces: isSlow ? [4, 12] : [1, 8],
      cutShare,
      cacheControl,
    });
    const lossShare = random.chance(0.3) ? 0.03 : 0;
    if (lossShare > 0) this.#faults.push('loss');
    const skewMsMax = random.chance(0.7) ? GREAT_SKEW_MS : SKEW_MS;
    const world = { ...stage, random, upstream: this.#upstream, lossShare, skewMsMax, sabotage };
    const replicas = Array.from({ length: REPLICAS }, (_, number) => new SimulatedReplica(number, world));
    this.#replicas = replicas;
    const note = (what: string): void => this.#note(what);
    this.#judge = new Judge({ path: PATH, time, upstream: this.#upstream, replicas, note });
    stage.watchWrites?.((key, bytes) => this.#judge.write(key, bytes));
    this.#draw();
  }

  async result(): Promise<ScheduleResult> {
    const isOver = await this.#time.run(() => this.#isOver, ENDED_MS);
    // A body that breaks off ends its fetch, and the next one begins after it.
    const isCalm = this.#faults.every((name) => name === CUT_BODIES);
    if (isCalm && this.#isCacheable) this.#judge.fetches();
    // What goes on by itself ends with them.
    for (const { process } of this.#replicas) process.kill();
    await this.#stage.close();
    if (!isOver) this.#judge.violated(`${this.#open} reads hang after ${ENDED_MS} ms`);
    return {
      seed: this.#seed,
      violations: this.#judge.violations,
      steps: this.#time.steps,
      reads: this.#reads,
      failedReads: this.#failedReads,
      fetches: this.#upstream.asked.length,
      faults: this.#faults,
      trace: this.#trace,
    };
  }

  /** Whoever is late writes when its readers have all that they want. */
  get #isOver(): boolean {
    const { elapsedMs } = this.#time;
    return this.#open === 0 && elapsedMs > DRAWN_MS && elapsedMs > this.#lastReadMs + LATE_MS;
  }

  #draw(): void {
    const random = this.#random;
    this.#drawFaults();
    for (let read = random.whole(8, 20); read > 0; read -= 1) {
      const at = this.#replicas.indexOf(random.pick(this.#replicas));
      // Half of them close together, since those are who share a fetch.
      const atMs = random.chance(0.5) ? random.whole(0, 1500) : random.whole(0, DRAWN_MS);
      this.#time.at(atMs, () => this.#read(at));
    }
    for (let purge = random.whole(0, 2); purge > 0; purge -= 1) {
      const at = random.whole(0, REPLICAS - 1);
      this.#time.at(random.whole(0, DRAWN_MS / 2), () => this.#purge(at));
    }
    for (let change = random.whole(0, 2); change > 0; change -= 1)
      this.#time.at(random.whole(0, DRAWN_MS), () => this.#change());
  }

  #change(): void {
    this.#note(`published ${this.#upstream.change(PATH).version}`);
  }

  /** The upstream changes, and whoever changed it purges; from a second after the acknowledgement on, nobody gets the old one. */
  #purge(at: number): void {
    const replica = this.#replicas[at];
    if (replica === undefined || replica.process.isDead) return;
    const { version } = this.#upstream.change(PATH);
    this.#note(`published ${version}, purge at replica ${at}`);
    const acknowledged = this.#judge.purging(version);
    replica.purge(PATH).then(
      () => {
        this.#note(`purge of what is below ${version} acknowledged`);
        acknowledged();
      },
      (error: unknown) => this.#note(`purge failed: ${String(error)}`),
    );
  }

  /** Each fault by itself, and now and then several together. */
  #drawFaults(): void {
    const random = this.#random;
    const faults: Record<string, (replica: SimulatedReplica) => void> = {
      'kill -9': (replica) => {
        replica.process.kill();
        for (const over of this.#waiting[this.#replicas.indexOf(replica)] ?? []) over('connection lost');
      },
      stop: ({ process }) => {
        process.stop();
        // Mostly for longer than its leases last.
        const stoppedMs = random.chance(0.9) ? random.whole(4000, 9000) : random.whole(100, 4000);
        this.#time.at(stoppedMs, () => process.goOn());
        // What it had asked for is no longer what there is, and who asks meanwhile gets the new one.
        if (!random.chance(0.9)) return;
        this.#time.at(random.whole(0, stoppedMs / 4), () => this.#change());
        this.#time.at(random.whole(0, stoppedMs), () => this.#read(random.whole(0, REPLICAS - 1)));
      },
      'cut off': ({ link }) => {
        link.isCut = true;
        this.#time.at(random.whole(100, 4000), () => (link.isCut = false));
      },
      failover: () => this.#failover(),
    };
    if (random.chance(CALM_SHARE)) return;
    for (const [name, strike] of Object.entries(faults)) {
      if (!random.chance(FAULT_SHARES[name] ?? 0)) continue;
      this.#faults.push(name);
      const at = random.whole(0, REPLICAS - 1);
      const struck = (by: number): void => {
        const replica = this.#replicas[by];
        if (replica === undefined) return;
        this.#note(`${name}, replica ${by}`);
        strike(replica);
      };
      const atMs = random.whole(0, DRAWN_MS) * random.next();
      this.#time.at(atMs, () => (name === 'stop' ? this.#whenAsking(at, struck) : struck(at)));
    }
  }

  /** Who asks the upstream has most to lose: waits a while for somebody who does. */
  #whenAsking(otherwise: number, strike: (by: number) => void, triesLeft = ASKING_TRIES): void {
    const by = this.#upstream.asking(PATH) ?? (triesLeft === 0 ? otherwise : undefined);
    if (by !== undefined) strike(by);
    else this.#time.at(ASKING_POLL_MS, () => this.#whenAsking(otherwise, strike, triesLeft - 1));
  }

  /** What was written in the last moments had not reached the one that is master now; meanwhile there is none. */
  #failover(): void {
    const random = this.#random;
    const kept = this.#stage.keep?.();
    if (kept === undefined) return;
    const restored = this.#judge.keep(kept.knows);
    this.#time.at(random.whole(1, 300), () => {
      for (const { link } of this.#replicas) link.isCut = true;
      void kept.takeOver().then(restored);
      this.#time.at(random.whole(50, 1500), () => {
        for (const { link } of this.#replicas) link.isCut = false;
      });
    });
  }

  #read(at: number): void {
    const replica = this.#replicas[at];
    // A client of a server that is gone asks another one.
    if (replica === undefined || replica.process.isDead) return;
    const number = (this.#reads += 1);
    const { due } = this.#judge;
    this.#open += 1;
    let isOpen = true;
    const over = (what: string): void => {
      if (isOpen) this.#open -= 1;
      this.#lastReadMs = this.#time.elapsedMs;
      isOpen = false;
      this.#waiting[at]?.delete(over);
      this.#note(`read ${number} of replica ${at}: ${what}`);
    };
    this.#waiting[at]?.add(over);
    replica.get(PATH).then(
      (received) => over(this.#judge.read(received, { number, due })),
      (error: unknown) => {
        this.#failedReads += 1;
        over(error instanceof CacheServerError ? error.code : String(error));
        if (!(error instanceof CacheServerError) || error.code === 'internal')
          this.#judge.violated(`read ${number} ended with ${String(error)}`);
      },
    );
  }

  #note(what: string): void {
    this.#trace.push(`${this.#time.elapsedMs.toFixed(1)} ms: ${what}`);
  }
}
