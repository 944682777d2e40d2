/** What stands under a key before something is written there, and which of two comes later. */
import type { Generation } from '@pannier/proto/generation';
import { decodeManifest } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import type { ManifestWrite } from '../store/entry-store.ts';
import { decodeVaryRule, isVaryRule, ruleVersion } from './vary-rule.ts';
import type { VaryRule } from './vary-rule.ts';

/** What may stand under a key. */
export type StoredEntry =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  | { readonly kind: 'rule'; readonly rule: VaryRule };

/** What stands under a key, and how a write says that it is to replace just that. */
export interface Standing extends Ordered {
  readonly entry: StoredEntry | undefined;
  readonly comparison: Pick<ManifestWrite, 'ifVersion' | 'ifAbsent'>;
}

/** By what it is told which of two comes later. */
export interface Ordered {
  /** When a response was asked for, or a rule written; -Infinity where nothing can be read. */
  readonly sinceMs: number;
  /** Of a response; decides between those that were asked for in the same millisecond. */
  readonly version: string;
}

/** Nothing that could be read. */
const NOTHING = { entry: undefined, sinceMs: -Infinity, version: '' };

/** Reads it; what cannot be read counts for nothing, and is replaced. */
export function standing(keyText: string, bytes: Buffer | undefined): Standing {
  if (bytes === undefined) return { ...NOTHING, comparison: { ifAbsent: true } };
  try {
    if (isVaryRule(bytes)) {
      const rule = decodeVaryRule(keyText, bytes);
      const comparison = { ifVersion: ruleVersion(rule) };
      return { ...NOTHING, entry: { kind: 'rule', rule }, sinceMs: rule.writtenAtMs, comparison };
    }
    const manifest = decodeManifest(keyText, bytes);
    const { version, requestTimeMs: sinceMs } = manifest;
    const entry = { kind: 'manifest', manifest } as const;
    return { entry, sinceMs, version, comparison: { ifVersion: version } };
  } catch {
    // Damaged, or of another format: whoever reads it reports it, and whatever is written is better.
    return { ...NOTHING, comparison: {} };
  }
}

/**
 * Whether what stands there was asked for later. Leases do not tell: one may be taken first and its upstream asked last, after a retry or a wait
 * for the upstream's turn.
 */
export function isLater(there: Ordered, than: Ordered): boolean {
  return there.sinceMs === than.sinceMs ? there.version > than.version : there.sinceMs > than.sinceMs;
}

/**
 * What a version that is confirmed is valid up to: a server that lags behind the log confirms it by an older generation than it was written with,
 * and takes nothing back of what was known of it then.
 */
export function laterGeneration(there: Standing, { generation }: Pick<Manifest, 'generation'>): Generation {
  if (there.entry?.kind !== 'manifest') return generation;
  const { generation: former } = there.entry.manifest;
  return former.epoch === generation.epoch && former.sequence > generation.sequence ? former : generation;
}
