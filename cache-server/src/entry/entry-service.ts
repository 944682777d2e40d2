/** What the cache server's story offers to rpc/ and to operators; `get-entry.ts` makes it. */
import type { Outcome } from '@pannier/http-semantics';
import type { Caller, EntryAnswer, EntryBody, EntryRequest } from './entry-answer.ts';
import type { Manifest } from './manifest.ts';
import type { CountsSnapshot } from '../observe/server-counters.ts';
import type { UpstreamLoad } from '../upstream/protection/upstream-protection.ts';

/** Answers one request. Rejects with `CacheServerError`, or with the signal's reason once that is aborted. */
export type GetEntry = (request: EntryRequest, caller: Caller, signal: AbortSignal) => Promise<EntryAnswer>;

/** Entries by request, by version and by key. */
export interface EntryService {
  readonly getEntry: GetEntry;

  /**
   * The body of one version: of a flight under way, of an entry answered within the last 30 s, or of the stored entry if it
   * still has that version. Undefined when none of them has it.
   */
  openVersion(keyText: string, version: string, signal: AbortSignal): Promise<EntryBody | undefined>;

  /**
   * Fetches what a request would get, for nobody, unless that is there and fresh; ends when it is stored whole.
   *
   * @throws CacheServerError `bad-data` for what may not be stored, `upstream-…`, `store`
   */
  warm(request: EntryRequest, watch: WarmWatch): Promise<void>;

  /** What would become of a request now, and why. Never asks the upstream. */
  explain(request: EntryRequest, caller: Caller): Promise<Explanation>;

  /** The stored manifest of a key with its times; undefined when there is none, it was invalidated, or it cannot be read. */
  describeManifest(keyText: string): Promise<ManifestDescription | undefined>;

  /** What was counted since the start. */
  counts(): CountsSnapshot;

  /** Flights under way, and the requests and readers that follow them. */
  activity(): { flights: number; waiters: number };
  /** How each declared upstream stands that was asked since the start. */
  upstreamLoads(): Readonly<Record<string, UpstreamLoad>>;

  /** Cancels every flight. */
  close(): void;
}

/** How a fetch for nobody is followed. */
export interface WarmWatch {
  readonly signal: AbortSignal;
  /** @param bytesTotal undefined while unknown */
  readonly onBytes: (bytes: number, bytesTotal: number | undefined) => void;
}

/** Why a request gets the answer that it gets. */
export interface Explanation {
  readonly outcome: Outcome;
  /** '' when the request has no key, because it never reaches the cache. */
  readonly key: string;
  /** Sentences, in the order in which they were decided. */
  readonly reasons: readonly string[];
  readonly manifest: ManifestDescription | undefined;
}

/** A manifest and what the clock makes of it. */
export interface ManifestDescription {
  readonly manifest: Manifest;
  readonly partitions: number;
  readonly ageMs: number;
  /** 0 when it is stale. */
  readonly freshForMs: number;
}
