/** The partitions that a reader was given, as far as it takes to know them again in another version. */
import { createHash } from 'node:crypto';

/** A partition: its name, and the digest of what is stored of it. */
interface Given {
  readonly name: string;
  readonly digest: Uint8Array;
}

/**
 * Of the partitions of a read, in their order. When their version is lost the read begins anew on another one, and what was given has to
 * come again, the same, before anything else is given: then all of it is of that version.
 */
export class GivenPartitions {
  #chain = createHash('sha256');
  #came = 0;
  #hasDigests = true;
  /** What has to come again. */
  #wanted: { readonly count: number; readonly chain: string; readonly lost: unknown } | undefined;

  /** Partitions that were given. */
  get count(): number {
    return this.#wanted?.count ?? this.#came;
  }

  /** Takes in the next partition of the read. False: it was given before. @throws what the read began anew for, when it is another one */
  isNew({ name, digest }: Given): boolean {
    this.#hasDigests &&= digest.byteLength > 0;
    this.#chain.update(JSON.stringify([name, Buffer.from(digest).toString('hex')]));
    this.#came += 1;
    if (this.#wanted === undefined) return true;
    if (this.#came < this.#wanted.count) return false;
    if (this.#chain.copy().digest('hex') !== this.#wanted.chain) throw this.#wanted.lost;
    this.#wanted = undefined;
    return false;
  }

  /**
   * Another version is read from its start.
   *
   * @param lost what is thrown when that does not begin with what was given
   * @throws `lost` when there is no telling
   */
  beginAnew(lost: unknown): void {
    if (!this.#hasDigests) throw lost;
    if (this.count > 0) this.#wanted ??= { count: this.#came, chain: this.#chain.digest('hex'), lost };
    this.#chain = createHash('sha256');
    this.#came = 0;
  }

  /** Partitions of a version that is being cut come in no order that could be compared. */
  requireOrder(provisional: boolean): void {
    if (provisional && this.#wanted !== undefined) throw this.#wanted.lost;
  }

  /** The version has ended. */
  requireAll(): void {
    if (this.#wanted !== undefined) throw this.#wanted.lost;
  }

  /** Whether a failure says that what came is another version. */
  isBroken(error: unknown): boolean {
    return this.#wanted !== undefined && error === this.#wanted.lost;
  }
}
