/** One schedule: what clients ask, what the upstream publishes, what breaks, all drawn from one seed; and what must hold whatever happens. */
import { getHeaderLines } from '@pannier/http-semantics';
import { CacheServerError } from '../../cache-server/src/errors.ts';
import { decodeManifest } from '../../cache-server/src/entry/manifest.ts';
import { seededRandom } from './random.ts';
import type { Random } from './random.ts';
import { SimulatedReplica } from './simulated-replica.ts';
import type { Received } from './simulated-replica.ts';
import type { Timeline } from './simulated-time.ts';
import { SimulatedUpstream } from './simulated-upstream.ts';
import { simulatedStage } from './stage.ts';
import type { Sabotage, Stage } from './stage.ts';

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
/** When all replicas heed a purge, in milliseconds after its acknowledgement: a view is no older than this. */
const PURGED_WITHIN_MS = 1000;

const CACHE_CONTROLS = ['max-age=60', 'max-age=60', 'max-age=1, stale-while-revalidate=2', 'no-cache'];

/** Plays a schedule in simulated time. */
export async function runSchedule(seed: number, sabotage?: Sabotage): Promise<ScheduleResult> {
  const random = seededRandom(seed);
  return await playSchedule(seed, { random, stage: simulatedStage(random, sabotage) });
}

/** Plays a schedule on a stage, whose time may be the real one: then it takes as long as it says. */
export async function playSchedule(
  seed: number,
  on: { random: Random; stage: Stage },
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
  readonly #violations: string[] = [];
  readonly #trace: string[] = [];
  readonly #faults: string[] = [];
  /** What ends the reads of each replica. */
  readonly #waiting = Array.from({ length: REPLICAS }, () => new Set<(what: string) => void>());
  #open = 0;
  #reads = 0;
  #failedReads = 0;
  /** Nothing before may be answered to those who ask from now on: the version that a purge was acknowledged at. */
  #purgedBelow = 0;
  #failovers = 0;
  #purges = 0;
  #storedVersion = 0;
  readonly #isCacheable: boolean;

  constructor(seed: number, { random, stage }: { random: Random; stage: Stage }) {
    const { time } = stage;
    this.#seed = seed;
    this.#random = random;
    this.#stage = stage;
    this.#time = time;
    const isSlow = random.chance(0.3);
    const cutShare = random.chance(0.3) ? 0.2 : 0;
    if (cutShare > 0) this.#faults.push('cut bodies');
    const cacheControl = random.pick(CACHE_CONTROLS);
    this.#isCacheable = cacheControl.startsWith('max-age=60');
    this.#upstream = new SimulatedUpstream({
      time,
      random,
      bodyBytes: [50, 3000],
      headMs: [5, 300],
      pieceMs: [1, isSlow ? 900 : 60],
      pieces: [1, 8],
      cutShare,
      cacheControl,
    });
    const lossShare = random.chance(0.3) ? 0.03 : 0;
    if (lossShare > 0) this.#faults.push('loss');
    const world = { ...stage, random, upstream: this.#upstream, lossShare, skewMsMax: 500 };
    this.#replicas = Array.from({ length: REPLICAS }, (_, number) => new SimulatedReplica(number, world));
    stage.watchWrites?.((key, bytes) => this.#judgeWrite(key, bytes));
    this.#draw();
  }

  async result(): Promise<ScheduleResult> {
    const isOver = await this.#time.run(() => this.#open === 0 && this.#time.elapsedMs > DRAWN_MS, ENDED_MS);
    this.#judgeFetches();
    // What goes on by itself ends with them.
    for (const { process } of this.#replicas) process.kill();
    await this.#stage.close();
    if (!isOver) this.#violated(`${this.#open} reads hang after ${ENDED_MS} ms`);
    return {
      seed: this.#seed,
      violations: this.#violations,
      steps: this.#time.steps,
      reads: this.#reads,
      failedReads: this.#failedReads,
      fetches: this.#upstream.asked.length,
      faults: this.#faults,
      trace: this.#trace,
    };
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
      this.#time.at(random.whole(0, DRAWN_MS), () =>
        this.#note(`published ${this.#upstream.change(PATH).version}`),
      );
  }

  /** The upstream changes, and whoever changed it purges; from a second after the acknowledgement on, nobody gets the old one. */
  #purge(at: number): void {
    const replica = this.#replicas[at];
    if (replica === undefined || replica.process.isDead) return;
    this.#purges += 1;
    const { version } = this.#upstream.change(PATH);
    this.#note(`published ${version}, purge at replica ${at}`);
    replica.purge(PATH).then(
      () => {
        this.#note(`purge of what is below ${version} acknowledged`);
        const acknowledged = this.#failovers;
        this.#time.at(PURGED_WITHIN_MS, () => {
          if (this.#failovers === acknowledged) this.#purgedBelow = Math.max(this.#purgedBelow, version);
        });
      },
      (error: unknown) => this.#note(`purge failed: ${String(error)}`),
    );
  }

  /** A failover that loses the acknowledged takes it back. */
  #afterFailover(): void {
    this.#failovers += 1;
    this.#purgedBelow = 0;
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
        this.#time.at(random.whole(500, 8000), () => process.goOn());
      },
      'cut off': ({ link }) => {
        link.isCut = true;
        this.#time.at(random.whole(100, 4000), () => (link.isCut = false));
      },
      failover: () => {
        // What was written in the last moments had not reached the one that is master now; meanwhile there is none.
        const restore = this.#stage.keep?.();
        if (restore === undefined) return;
        this.#time.at(random.whole(1, 300), () => {
          restore();
          this.#afterFailover();
          for (const { link } of this.#replicas) link.isCut = true;
          this.#time.at(random.whole(50, 1500), () => {
            for (const { link } of this.#replicas) link.isCut = false;
          });
        });
      },
    };
    for (const [name, strike] of Object.entries(faults)) {
      if (!random.chance(0.25)) continue;
      this.#faults.push(name);
      const at = random.whole(0, REPLICAS - 1);
      this.#time.at(random.whole(0, DRAWN_MS) * random.next(), () => {
        const replica = this.#replicas[at];
        if (replica === undefined) return;
        this.#note(`${name}, replica ${at}`);
        strike(replica);
      });
    }
  }

  #read(at: number): void {
    const replica = this.#replicas[at];
    // A client of a server that is gone asks another one.
    if (replica === undefined || replica.process.isDead) return;
    const number = (this.#reads += 1);
    const versionMin = this.#purgedBelow;
    this.#open += 1;
    let isOpen = true;
    const over = (what: string): void => {
      if (isOpen) this.#open -= 1;
      isOpen = false;
      this.#waiting[at]?.delete(over);
      this.#note(`read ${number} of replica ${at}: ${what}`);
    };
    this.#waiting[at]?.add(over);
    replica.get(PATH).then(
      (received) => over(this.#judge(received, { number, versionMin })),
      (error: unknown) => {
        this.#failedReads += 1;
        over(error instanceof CacheServerError ? error.code : String(error));
        if (!(error instanceof CacheServerError) || error.code === 'internal')
          this.#violated(`read ${number} ended with ${String(error)}`);
      },
    );
  }

  /** No mixture, no short body, nothing that was purged. @returns what it was, in words */
  #judge({ status, etag, body }: Received, read: { number: number; versionMin: number }): string {
    const document = this.#upstream.versions(PATH).find((one) => one.etag === etag);
    if (status !== 200 || document === undefined) {
      this.#violated(`read ${read.number} got status ${status} and ETag ${etag}`);
      return `status ${status}`;
    }
    if (!document.body.equals(body))
      this.#violated(
        `read ${read.number} got ${body.length} bytes as version ${document.version}, whose ${document.body.length} they are not`,
      );
    if (document.version < read.versionMin)
      this.#violated(`read ${read.number} got version ${document.version}, purged up to ${read.versionMin}`);
    return `version ${document.version}, ${body.length} bytes`;
  }

  /** One publisher: while control can be reached, what is there is never replaced by something older that was asked for before it. */
  #judgeWrite(key: string, bytes: Buffer): void {
    const version = this.#versionIn(key, bytes);
    if (version === undefined) return;
    this.#note(`stored version ${version}`);
    const isAlone = this.#faults.some((fault) => fault !== 'kill -9' && fault !== 'stop');
    const versions = { older: version, newer: this.#storedVersion };
    if (version < this.#storedVersion && !isAlone && !this.#upstream.isOvertaken(PATH, versions))
      this.#violated(`version ${version} was stored over version ${this.#storedVersion}`);
    this.#storedVersion = version;
  }

  #versionIn(key: string, bytes: Buffer): number | undefined {
    try {
      const etag = getHeaderLines(decodeManifest(key, bytes).headers, 'etag')[0];
      return this.#upstream.versions(PATH).find((one) => one.etag === etag)?.version;
    } catch {
      // Something else is kept there, or a piece of one.
      return undefined;
    }
  }

  /** One fetch at a time, unless something broke, or a purge parted those who asked before it from those who asked after. */
  #judgeFetches(): void {
    const isCalm = this.#faults.length === 0 && this.#purges === 0 && this.#isCacheable;
    const { mostAtOnce } = this.#upstream;
    if (isCalm && mostAtOnce > 1) this.#violated(`${mostAtOnce} fetches at once, and nothing had broken`);
  }

  #note(what: string): void {
    this.#trace.push(`${this.#time.elapsedMs.toFixed(1)} ms: ${what}`);
  }

  #violated(what: string): void {
    this.#note(`VIOLATED: ${what}`);
    this.#violations.push(what);
  }
}
