/**
 * Who of several servers asks the upstream for an entry, and what it tells the others meanwhile. A lease is held by one token at a time;
 * each token has a stream of records of its own, which others read. Nothing here ever waits: who wants to know more asks again.
 *
 * Every method rejects with `CacheServerError('store', …)` when it is not known whether it was done, or it was refused (`isRefusal`);
 * whoever asks again must not mind if it was done. Each method is one step: no other one comes between what it looks at and what it changes.
 * Everything expires by itself.
 */
export interface LeaseStore {
  /** Takes the lease of a name, unless somebody holds it. One that may have been taken for a caller who was not told is given up again. */
  take(name: string): Promise<LeaseTake>;

  /** Keeps a lease for another {@link LEASE_MS}. @returns false when the token does not hold it any more */
  renew(name: string, token: string): Promise<boolean>;

  /**
   * Gives a lease up, so that nobody waits for its end. What was recorded stays readable for another {@link RELEASED_MS}. A token that does
   * not hold it changes nothing.
   */
  release(name: string, token: string): Promise<void>;

  /**
   * Adds records behind those that are there, keeps the lease for another {@link LEASE_MS} and the records for another
   * {@link RECORDS_MS}, and wakes those who listen.
   *
   * @returns false when the token does not hold the lease any more; nothing is added then
   */
  append(name: string, token: string, batch: RecordBatch): Promise<boolean>;

  /** Records of a token in their order, and who holds the lease now. */
  read(name: string, token: string, page: RecordRange): Promise<RecordPage>;

  /** Told, mostly, when something was appended, or a lease was given up; may be late or lost. @returns ends it */
  onNews(name: string, listener: () => void): () => void;
}

/** A lease lasts so long without being renewed, in milliseconds. */
export const LEASE_MS = 3000;
/** Records stay so long behind the last one of their token, in milliseconds. */
export const RECORDS_MS = 30_000;
/**
 * And so long behind the end of their lease, in milliseconds. Each fetch leaves its records, followed or not: a thousand responses of 16 KiB in
 * a second would be 480 MB in 30 s. Who comes too late for them finds the entry in the store.
 */
export const RELEASED_MS = 5000;

/**
 * Whose the lease is. A token is `MICROSECONDS-RANDOM`: 16 digits of the time of whoever keeps the leases, and something random. Tokens of a
 * name are compared for equality to tell who holds the lease, and by their order to tell whose write is the newer one.
 */
export type LeaseTake =
  | { readonly kind: 'taken'; readonly token: string }
  /** `isAnswered`: its holder has appended what its upstream answered. */
  | { readonly kind: 'held'; readonly token: string; readonly isAnswered: boolean };

/** What is appended at once, all or nothing. */
export interface RecordBatch {
  readonly records: readonly Uint8Array[];
  /** Whether the upstream has answered: those who ask from now on cannot take it for an answer to their request. */
  readonly isAnswered: boolean;
}

/** Which records to read. */
export interface RecordRange {
  /** Id of the last record that is known; '' for none. */
  readonly after: string;
  readonly countMax: number;
}

/** Some records. */
export interface RecordPage {
  readonly records: readonly { readonly id: string; readonly bytes: Buffer }[];
  /** The token that holds the lease; undefined when nobody does. */
  readonly holder: string | undefined;
}
