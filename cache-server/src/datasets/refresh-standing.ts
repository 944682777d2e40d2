/** What a refresh begins with, and when there is nothing left to do for it: nothing is newer, or another server has seen to it. */
import type { Generation } from '@pannier/proto/generation';
import type { Clock } from '../clock.ts';
import type { DatasetManifest } from '../dataset/version/dataset-manifest.ts';
import type { VersionShelf } from '../dataset/version/version-shelf.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import type { Judgement } from '../generation/generations.ts';
import { quarantined } from './publish-dataset.ts';
import type { RefreshDeps } from './refresh-deps.ts';
import { isCutSince } from './refresh-turns.ts';

/** Pages are walked anew after this long where nothing is declared; each is a request. */
const PAGES_REFRESH_MS = 60_000;

/** What there is. */
export interface Standing {
  readonly declared: DeclaredDataset;
  readonly shelf: VersionShelf;
  readonly current: DatasetManifest | undefined;
  /** What is being cut, as soon as that is known. */
  readonly attempt: { cut: string };
  /** What invalidations make of the current version, and those that were known before the upstream is asked. */
  readonly verdict: Judgement['verdict'];
  readonly generation: Generation;
}

/** Whether the version is young enough to be used without asking anybody. */
export function isFreshByTime({ declared, shelf }: Standing, clock: Pick<Clock, 'now'>): boolean {
  const { settings, declaration } = declared;
  const refreshMs = settings.refreshMs ?? (settings.pages === undefined ? undefined : PAGES_REFRESH_MS);
  if (refreshMs === undefined || !shelf.lastCut.startsWith(`${declaration}/`)) return false;
  return clock.now() - shelf.checkedAtMs < refreshMs;
}

/** Whether the server whose turn was waited for has cut what the upstream had, and nothing was invalidated since. */
export function isToldElsewhere(
  { declared, shelf, verdict }: Standing,
  before: VersionShelf | undefined,
): boolean {
  return before !== undefined && verdict === 'valid' && isCutSince(before, shelf, declared);
}

/** What another server published, or put aside. @throws CacheServerError `bad-data` when that was the first version */
export function elsewhere(
  { declared, shelf, current, attempt }: Standing,
  { count }: RefreshDeps,
): DatasetManifest {
  attempt.cut = shelf.lastCut;
  if (current === undefined) throw quarantined(declared, shelf.versions[0]?.quarantineReason ?? '');
  count('elsewhere');
  return current;
}

/** Whether just this was cut already, and either gave a version or was put aside. */
export function isCut({ shelf, current, verdict }: Standing, cut: string): boolean {
  if (verdict === 'gone') return false;
  return shelf.lastCut === cut && (current !== undefined || shelf.current === '');
}

/** The upstream has nothing newer. @throws CacheServerError `bad-data` when what it has was put aside, and there is no other version */
export async function checked(
  { declared, shelf, current, verdict, generation }: Standing,
  { clock, archive }: RefreshDeps,
): Promise<DatasetManifest> {
  if (current === undefined) throw quarantined(declared, shelf.versions[0]?.quarantineReason ?? '');
  const now = clock.now();
  const { refreshMs } = declared.settings;
  const isDue = refreshMs !== undefined && now - shelf.checkedAtMs >= refreshMs;
  if (isDue || verdict === 'stale')
    await archive.changeShelf(declared, (one) => ({ ...one, checkedAtMs: now, generation }));
  return current;
}
