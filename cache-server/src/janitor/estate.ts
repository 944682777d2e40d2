/** Something that the store holds for owners, who may be gone. */
export interface Estate {
  readonly kind: 'scope' | 'dataset';
  /** What all keys of this kind contain. */
  readonly contains: string;
  /** Whose a key is, for people; undefined for what is not of this kind, or is in use as long as this process lives. */
  ownerOf(key: string): string | undefined;
  /** Length as stored in bytes, of what is found under a key. */
  storedBytes(key: string): Promise<number>;
  /** Removes a key and what belongs to it alone. */
  remove(key: string, owner: string): Promise<void>;
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
