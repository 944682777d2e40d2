/** Which versions of a dataset there are, and which of them readers get. Small, mutable, swapped by comparison. */
import type { Generation } from '@pannier/proto/generation';
import { DatasetError } from '../dataset-error.ts';
import { sealRecord, unsealRecord } from '../../sealed-record.ts';

/** One version that is kept. */
export interface ShelvedVersion {
  readonly version: string;
  readonly publishedAtMs: number;
  readonly records: number;
  readonly pinned: boolean;
  /** Why it was put aside; '' when it was not. */
  readonly quarantineReason: string;
  /** An operator rolled back from it: what is the same does not become the current one until something else does. */
  readonly withdrawn?: boolean;
}

/** The versions of one dataset. */
export interface VersionShelf {
  /** Counts the changes, so that two who change it at a time do not lose one. */
  readonly revision: string;
  /** '' when none can be read. */
  readonly current: string;
  /** The newest first. */
  readonly versions: readonly ShelvedVersion[];
  /** Source and declaration of the newest cut, kept or not: what need not be cut again. */
  readonly lastCut: string;
  /** When the upstream was last seen to have nothing newer. */
  readonly checkedAtMs: number;
  /** Before the upstream was asked then: every later invalidation of the dataset has it asked again. Absent in what older servers wrote. */
  readonly generation?: Generation;
  /** When all versions were last kept from running out. */
  readonly extendedAtMs: number;
  /** Versions that are no longer kept, and since when; readers that began on them may still be reading. */
  readonly letGo: readonly { readonly version: string; readonly atMs: number }[];
}

const KIND = { magic: 'PNRS', version: 2 };

export const EMPTY_SHELF: VersionShelf = {
  revision: '',
  current: '',
  versions: [],
  lastCut: '',
  checkedAtMs: 0,
  extendedAtMs: 0,
  letGo: [],
};

export function encodeShelf(keyText: string, shelf: VersionShelf): Buffer {
  return sealRecord(KIND, keyText, shelf);
}

/** Undefined for what cannot be read: a miss. */
export function decodeShelf(keyText: string, bytes: Buffer): VersionShelf | undefined {
  return unsealRecord(KIND, keyText, bytes) as VersionShelf | undefined;
}

/** Puts a new version on the shelf: as the current one, or aside with the reason. Versions beyond `keep` that nothing holds are let go. */
export function shelve(
  shelf: VersionShelf,
  added: Omit<ShelvedVersion, 'pinned'>,
  keep: number,
): VersionShelf {
  const isRead = added.quarantineReason === '';
  const older = isRead ? shelf.versions.map((one) => ({ ...one, withdrawn: false })) : shelf.versions;
  const versions = [{ ...added, pinned: false }, ...older];
  const current = isRead ? added.version : shelf.current;
  const extendedAtMs = shelf.versions.length === 0 ? added.publishedAtMs : shelf.extendedAtMs;
  return retained({ ...shelf, versions, current, extendedAtMs }, keep, added.publishedAtMs);
}

/** @throws DatasetError `bad-query` for a version that is not kept */
export function pinned(shelf: VersionShelf, version: string, pin: boolean): VersionShelf {
  requireVersion(shelf, version);
  const versions = shelf.versions.map((one) => (one.version === version ? { ...one, pinned: pin } : one));
  return { ...shelf, versions };
}

/** Makes an older version the current one; it stays so until the upstream has something newer than what was cut last. */
export function rolledBack(shelf: VersionShelf, version: string): VersionShelf {
  const at = shelf.versions.indexOf(requireVersion(shelf, version));
  const versions = shelf.versions.map((one, i) => ({ ...one, withdrawn: i < at }));
  return { ...shelf, current: version, versions };
}

function requireVersion(shelf: VersionShelf, version: string): ShelvedVersion {
  const found = shelf.versions.find((one) => one.version === version);
  if (found !== undefined) return found;
  const kept = shelf.versions.map((one) => one.version).join(', ') || 'none';
  throw new DatasetError('bad-query', `version ${version} is not kept; kept are: ${kept}`);
}

function retained(shelf: VersionShelf, keep: number, atMs: number): VersionShelf {
  const versions: ShelvedVersion[] = [];
  const letGo = [...shelf.letGo];
  // Versions that were put aside have places of their own: they drive out none that can be read.
  const places = { read: keep, aside: keep };
  for (const one of shelf.versions) {
    const kind = one.quarantineReason === '' ? 'read' : 'aside';
    places[kind] -= 1;
    if (one.pinned || one.version === shelf.current || places[kind] >= 0) versions.push(one);
    else letGo.push({ version: one.version, atMs });
  }
  return { ...shelf, versions, letGo };
}
