/** Manifests by key, in the store; whatever is wrong with the store or with what it holds is a miss, and counted. */
import { LRUCache } from 'lru-cache';
import type { Clock } from './clock.ts';
import type { EntryKey } from './entry-key.ts';
import { RETENTION_MS_MAX, retentionMs } from './freshness/entry-freshness.ts';
import { decodeManifest, encodeManifest } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import type { ReportFailure } from './observe/failure-report.ts';
import type { EntryStore } from './store/entry-store.ts';
import { decodeVaryRule, encodeVaryRule, isVaryRule, ruleVersion } from './vary-rule.ts';
import type { VaryRule } from './vary-rule.ts';

/** What may stand under a key. */
export type StoredEntry =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  | { readonly kind: 'rule'; readonly rule: VaryRule };

/** Attempts at a rule that others change at the same time. */
const RULE_ROUNDS_MAX = 8;
/** A rule outlives its variants, in milliseconds. */
const RULE_TTL_MS = RETENTION_MS_MAX;
/** How long a version that was answered stays readable although the entry has a newer one, in milliseconds. */
const RECENT_MS = 30_000;
const RECENT_MAX = 1000;

/** What a shelf needs. */
export interface ManifestShelfOptions {
  readonly store: EntryStore;
  readonly clock: Clock;
  readonly report: ReportFailure;
}

/** Reads, writes and remembers manifests. */
export class ManifestShelf {
  readonly #options: ManifestShelfOptions;
  readonly #recent: LRUCache<string, Manifest>;

  constructor(options: ManifestShelfOptions) {
    this.#options = options;
    this.#recent = new LRUCache({ max: RECENT_MAX, ttl: RECENT_MS, ttlResolution: 0, perf: options.clock });
  }

  /** The stored manifest, if there is one that can be read. */
  async read(keyText: string): Promise<Manifest | undefined> {
    const entry = await this.readEntry(keyText);
    return entry?.kind === 'manifest' ? entry.manifest : undefined;
  }

  /** What is stored under a key, if it can be read: a response, or how to find it. */
  async readEntry(keyText: string): Promise<StoredEntry | undefined> {
    const { store, report } = this.#options;
    let bytes: Buffer | undefined;
    try {
      bytes = await store.readManifest(keyText);
    } catch (error) {
      report('store-read', { key: keyText, error });
      return undefined;
    }
    try {
      if (bytes === undefined) return undefined;
      return isVaryRule(bytes)
        ? { kind: 'rule', rule: decodeVaryRule(keyText, bytes) }
        : { kind: 'manifest', manifest: decodeManifest(keyText, bytes) };
    } catch (error) {
      report('manifest-unreadable', { key: keyText, error });
      return undefined;
    }
  }

  /** A version that was answered within the last 30 s, or the stored one. */
  async readVersion(keyText: string, version: string): Promise<Manifest | undefined> {
    const recent = this.#recent.get(`${keyText}\n${version}`);
    if (recent !== undefined) return recent;
    const stored = await this.read(keyText);
    return stored?.version === version ? stored : undefined;
  }

  /** Keeps a version readable for a while: its reader is on the way. */
  remember(keyText: string, manifest: Manifest): void {
    this.#recent.set(`${keyText}\n${manifest.version}`, manifest);
  }

  /**
   * Swaps a manifest in.
   *
   * @param ifVersion only if this version is still the stored one
   * @returns false when it was not, or the store failed
   */
  async write({ text }: EntryKey, manifest: Manifest, ifVersion?: string): Promise<boolean> {
    const { store, report } = this.#options;
    const { version } = manifest;
    const bytes = encodeManifest(text, manifest);
    const comparison = ifVersion === undefined ? {} : { ifVersion };
    try {
      return await store.writeManifest(text, { bytes, version, ttlMs: retentionMs(manifest), ...comparison });
    } catch (error) {
      report('store-write', { key: text, error });
      return false;
    }
  }

  /**
   * Changes the rule of a key, whatever stands there; variants that it no longer names are removed.
   *
   * @returns false when others changed it again and again, or the store failed
   */
  async changeRule({ text }: EntryKey, change: (former: VaryRule | undefined) => VaryRule): Promise<boolean> {
    const { store, report } = this.#options;
    try {
      for (let round = 0; round < RULE_ROUNDS_MAX; round += 1) {
        const bytes = await store.readManifest(text);
        const former = bytes && isVaryRule(bytes) ? decodeVaryRule(text, bytes) : undefined;
        const rule = change(former);
        const write = { bytes: encodeVaryRule(text, rule), version: ruleVersion(rule), ttlMs: RULE_TTL_MS };
        const comparison = former === undefined ? {} : { ifVersion: ruleVersion(former) };
        if (!(await store.writeManifest(text, { ...write, ...comparison }))) continue;
        const dropped = (former?.variants ?? []).filter((variant) => !rule.variants.includes(variant));
        await Promise.all(dropped.map(async (variant) => await store.deleteManifest(variant)));
        return true;
      }
    } catch (error) {
      report('store-write', { key: text, error });
    }
    return false;
  }

  /** Removes an entry whose partitions are lost, unless it has been replaced meanwhile. */
  async removeLost(keyText: string, version: string): Promise<void> {
    const { store, report } = this.#options;
    this.#recent.delete(`${keyText}\n${version}`);
    try {
      const stored = await this.read(keyText);
      if (stored?.version === version) await store.deleteManifest(keyText);
    } catch (error) {
      report('store-write', { key: keyText, error });
    }
  }
}
