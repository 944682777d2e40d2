/** What must hold in a schedule whatever happens, and whether it did. */
import { getHeaderLines } from '@pannier/http-semantics';
import { decodeManifest } from '../../cache-server/src/entry/manifest.ts';
import { COMMAND_TIMEOUT_MS } from './simulated-replica.ts';
import type { Received, SimulatedReplica } from './simulated-replica.ts';
import type { Timeline } from './simulated-time.ts';
import type { Asked, SimulatedUpstream } from './simulated-upstream.ts';

/** When all replicas heed a purge, in milliseconds after its acknowledgement: a view is no older than this. */
const PURGED_WITHIN_MS = 1000;
/** Without an answer to one of these, within so many milliseconds before, a replica asks and writes under no lease. */
const LEASE_CALLS: ReadonlySet<string> = new Set(['leases.take', 'leases.read']);
const LOST_WITHIN_MS = 4 * COMMAND_TIMEOUT_MS;

/** A purge, and what it removes: whatever is below a version. */
interface Purge {
  readonly below: number;
  readonly acknowledgedMs: number;
}

/** What a read must not be older than. */
export type Due = readonly Purge[];

/** What a judge looks at. */
export interface JudgeOptions {
  readonly path: string;
  readonly time: Timeline;
  readonly upstream: SimulatedUpstream;
  readonly replicas: readonly SimulatedReplica[];
  readonly note: (what: string) => void;
}

/** See the head of this file. */
export class Judge {
  readonly violations: string[] = [];
  readonly #options: JudgeOptions;
  #purges: readonly Purge[] = [];
  #purgesBegun = 0;
  #lastFailoverMs = -Infinity;
  #storedVersion = 0;

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  /**
   * A purge of what is below a version begins. From a second after it was acknowledged on, nobody may get that.
   *
   * @returns to be called when it has been acknowledged
   */
  purging(below: number): () => void {
    const { time } = this.#options;
    const begunMs = time.elapsedMs;
    this.#purgesBegun += 1;
    return () => {
      // Whether who is master now has it, nobody knows.
      if (this.#lastFailoverMs >= begunMs) return;
      this.#purges = [...this.#purges, { below, acknowledgedMs: time.elapsedMs }];
    };
  }

  /**
   * Somebody else may become master, who knows what is stored and purged by now.
   *
   * @returns to be called when that one has: it takes back what was acknowledged since
   */
  keep(knows: 'everything' | 'nothing'): () => void {
    const { time } = this.#options;
    const keptMs = knows === 'everything' ? time.elapsedMs : -Infinity;
    const storedVersion = knows === 'everything' ? this.#storedVersion : 0;
    return () => {
      this.#lastFailoverMs = time.elapsedMs;
      this.#purges = this.#purges.filter(({ acknowledgedMs }) => acknowledgedMs <= keptMs);
      this.#storedVersion = storedVersion;
    };
  }

  /** What a read that begins now must heed. */
  get due(): Due {
    const sinceMs = this.#options.time.elapsedMs - PURGED_WITHIN_MS;
    return this.#purges.filter(({ acknowledgedMs }) => acknowledgedMs <= sinceMs);
  }

  /** No mixture, no short body, nothing that was purged. @returns what it was, in words */
  read({ status, etag, body }: Received, read: { number: number; due: Due }): string {
    const { upstream, path } = this.#options;
    const document = upstream.versions(path).find((one) => one.etag === etag);
    if (status !== 200 || document === undefined) {
      this.violated(`read ${read.number} got status ${status} and ETag ${etag}`);
      return `status ${status}`;
    }
    if (!document.body.equals(body))
      this.violated(
        `read ${read.number} got ${body.length} bytes as version ${document.version}, whose ${document.body.length} they are not`,
      );
    // A failover meanwhile may have taken some of them back.
    const due = read.due.filter((purge) => this.#purges.includes(purge));
    const versionMin = Math.max(0, ...due.map(({ below }) => below));
    if (document.version < versionMin)
      this.violated(`read ${read.number} got version ${document.version}, purged up to ${versionMin}`);
    return `version ${document.version}, ${body.length} bytes`;
  }

  /** One publisher: while control can be reached, what is there is never replaced by something older that was asked for before it. */
  write(key: string, bytes: Buffer): void {
    const { upstream, path, note } = this.#options;
    const version = this.#versionIn(key, bytes);
    if (version === undefined) return;
    note(`stored version ${version}`);
    const versions = { older: version, newer: this.#storedVersion };
    const isOlder = version < this.#storedVersion;
    const couldTell = (): boolean => !upstream.isOvertaken(path, versions) && !this.#isSwapped(versions);
    if (isOlder && couldTell() && !this.#isExcused(versions))
      this.violated(`version ${version} was stored over version ${this.#storedVersion}`);
    this.#storedVersion = version;
  }

  /**
   * Whether a request for the older version and one for the newer were under way together, at servers by whose clocks the first came last: a lease
   * is taken some time before its request is sent, so that of such two it need not tell either.
   */
  #isSwapped({ older, newer }: { older: number; newer: number }): boolean {
    const { upstream, replicas, path, time } = this.#options;
    const clockOf = ({ by, sentMs }: Asked): number =>
      sentMs + (replicas[by]?.process.clock.now() ?? 0) - time.nowMs;
    const asked = (version: number): Asked[] =>
      upstream.asked.filter((one) => one.path === path && one.version === version);
    return asked(older).some((first) =>
      asked(newer).some((last) => last.sentMs < first.atMs && clockOf(last) <= clockOf(first)),
    );
  }

  /** Whether one of those who asked for either version may have done so without a lease, since control was silent then. */
  #isExcused({ older, newer }: { older: number; newer: number }): boolean {
    const { upstream, replicas, path } = this.#options;
    return upstream.asked.some((asked) => {
      if (asked.path !== path || (asked.version !== older && asked.version !== newer)) return false;
      const fromMs = asked.sentMs - LOST_WITHIN_MS;
      const lost = replicas[asked.by]?.link.lost ?? [];
      return lost.some(({ what, atMs }) => LEASE_CALLS.has(what) && atMs >= fromMs && atMs <= asked.sentMs);
    });
  }

  #versionIn(key: string, bytes: Buffer): number | undefined {
    const { upstream, path } = this.#options;
    try {
      const etag = getHeaderLines(decodeManifest(key, bytes).headers, 'etag')[0];
      return upstream.versions(path).find((one) => one.etag === etag)?.version;
    } catch {
      // Something else is kept there, or a piece of one.
      return undefined;
    }
  }

  /** One fetch at a time where nothing breaks; each purge parts those who asked before it from those who asked after. */
  fetches(): void {
    const { mostAtOnce } = this.#options.upstream;
    const allowed = 1 + this.#purgesBegun;
    if (mostAtOnce > allowed)
      this.violated(
        `${mostAtOnce} fetches at once, and nothing had broken but by ${this.#purgesBegun} purges`,
      );
  }

  violated(what: string): void {
    this.#options.note(`VIOLATED: ${what}`);
    this.violations.push(what);
  }
}
