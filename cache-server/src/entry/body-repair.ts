/** How a stored body goes on that is lost while it is read. */
import type { BodyPart } from './entry-answer.ts';
import type { Manifest } from './manifest.ts';

/** Finds the rest of a body whose stored partitions are lost from an offset on; undefined where it cannot go on. */
export type Repair = (
  lost: { readonly manifest: Manifest; readonly offset: number },
  signal: AbortSignal,
) => Promise<AsyncIterable<BodyPart> | undefined>;

/** A stored body that was answered with. */
export interface RepairableBody {
  readonly manifest: Manifest;
  readonly repair: Repair;
}
