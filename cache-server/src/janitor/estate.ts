/** What stands under a key. */
export interface Standing {
  /** Length as stored in bytes, with what belongs to it. */
  readonly storedBytes: number;
  /** Compared when it is removed; undefined for what cannot be read. */
  readonly version: string | undefined;
  /** When its owner wrote it, a sign of life of which the ledger may not have heard yet; 0 where that is not known. */
  readonly writtenAtMs: number;
}

/** Something that the store holds for owners, who may be gone. */
export interface Estate {
  readonly kind: 'scope' | 'dataset';
  /** What all keys of this kind contain. */
  readonly contains: string;
  /** Whose a key is, for people; undefined for what is not of this kind, or is in use as long as this process lives. */
  ownerOf(key: string): string | undefined;
  /** Undefined when there is nothing any more. */
  look(key: string): Promise<Standing | undefined>;
  /** Removes a key and what belongs to it alone; false when something else than the version that was looked at stands there. */
  remove(key: string, owner: string, version: string | undefined): Promise<boolean>;
}

/** The name of an owner in the ledger. */
export function ledgerName(kind: Estate['kind'], owner: string): string {
  return `${kind} ${owner}`;
}

/** Something whose owner is gone. */
export interface Finding {
  readonly kind: Estate['kind'];
  readonly name: string;
  readonly keys: number;
  readonly storedBytes: number;
  readonly lastUsedAtMs: number;
}
