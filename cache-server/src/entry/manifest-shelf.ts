/** Manifests by key, in the store; whatever is wrong with the store or with what it holds is a miss, and counted. */
import { LRUCache } from 'lru-cache';
import { entryTags } from '@pannier/proto/generation';
import type { EntryTargets } from '@pannier/proto/generation';
import type { Clock } from '../clock.ts';
import type { EntryKey } from './entry-key.ts';
import type { Generations } from '../generation/generations.ts';
import { RETENTION_MS_MAX, retentionMs } from '../freshness/entry-freshness.ts';
import { decodeManifest, encodeManifest, versionName } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import type { ReportFailure } from '../observe/failure-report.ts';
import type { EntryStore, ManifestRead } from '../store/entry-store.ts';
import { isLater, laterGeneration, standing } from './standing-entry.ts';
import type { Standing, StoredEntry } from './standing-entry.ts';
import { decodeVaryRule, encodeVaryRule, isVaryRule, ruleVersion } from './vary-rule.ts';
import type { VaryRule } from './vary-rule.ts';

/** Attempts at a swap while others swap, too. */
const SWAP_ROUNDS_MAX = 16;
/** A rule outlives its variants; in milliseconds. */
const RULE_TTL_MS = RETENTION_MS_MAX + 24 * 3_600_000;
/** How long a version that was answered stays readable although the entry has a newer one, in milliseconds. */
const RECENT_MS = 30_000;
const RECENT_MAX = 1000;

/** What a shelf needs. */
export interface ManifestShelfOptions {
  readonly store: EntryStore;
  readonly clock: Clock;
  readonly report: ReportFailure;
  readonly generations: Pick<Generations, 'judge'>;
}

/**
 * What came of publishing.
 *
 * - `later-stands`  nothing was written, for a response that was asked for later is there
 * - `later-lease`   nor here, for it was written by who took the lease later
 * - `contended`     nor here, for others changed it again and again
 * - `store-failed`  it may have been written
 */
export type PublishEnd = 'published' | 'later-stands' | 'later-lease' | 'contended' | 'store-failed';

const DOUBTS = { valid: undefined, stale: 'stale', unknown: 'unconfirmed' } as const;

/** Reads, writes and remembers manifests. */
export class ManifestShelf {
  readonly #options: ManifestShelfOptions;
  readonly #recent: LRUCache<string, Manifest>;
  readonly #removing = new Map<string, Promise<boolean>>();
  /** Changes of rules under way, by key; each waits for the one before. */
  readonly #changes = new Map<string, Promise<void>>();

  constructor(options: ManifestShelfOptions) {
    this.#options = options;
    const bounds = { maxSize: RECENT_MAX, sizeCalculation: () => 1 };
    this.#recent = new LRUCache({ ...bounds, ttl: RECENT_MS, ttlResolution: 0, perf: options.clock });
  }

  /** The stored manifest, if there is one that can be read. */
  async read(keyText: string, how?: ManifestRead): Promise<Manifest | undefined> {
    const entry = await this.readEntry(keyText, how);
    return entry?.kind === 'manifest' ? entry.manifest : undefined;
  }

  /** What is stored under a key, if it can be read: a response, or how to find it. */
  async readEntry(keyText: string, how?: ManifestRead): Promise<StoredEntry | undefined> {
    const { store, report } = this.#options;
    let bytes: Buffer | undefined;
    try {
      bytes = await store.readManifest(keyText, how);
    } catch (error) {
      report('store-read', { key: keyText, error });
      return undefined;
    }
    try {
      if (bytes === undefined) return undefined;
      return isVaryRule(bytes)
        ? await this.#judgedRule(keyText, decodeVaryRule(keyText, bytes))
        : await this.#judgedManifest(keyText, decodeManifest(keyText, bytes));
    } catch (error) {
      report('manifest-unreadable', { key: keyText, error });
      return undefined;
    }
  }

  /** What was invalidated hard is not there. */
  async #judgedManifest(keyText: string, manifest: Manifest): Promise<StoredEntry | undefined> {
    const { scope, url, headers, generation } = manifest;
    const targets = (): EntryTargets => ({ key: keyText, scope, url, tags: entryTags(headers) });
    const { verdict, at: judgedAt } = await this.#options.generations.judge(generation, targets);
    if (verdict === 'gone') return undefined;
    const doubt = DOUBTS[verdict];
    return { kind: 'manifest', manifest: { ...manifest, doubt, judgedAt } };
  }

  /**
   * What stands under a key, for a write that is to replace just that; what was invalidated hard is not there to be read any more.
   *
   * @throws CacheServerError `store`
   */
  async standing(keyText: string): Promise<Standing> {
    const there = standing(keyText, await this.#options.store.readManifest(keyText));
    return (await this.#isGone(keyText, there)) ? { ...there, entry: undefined } : there;
  }

  /** What was invalidated hard stands in nobody's way. */
  async #isGone(keyText: string, { entry }: Pick<Standing, 'entry'>): Promise<boolean> {
    if (entry === undefined) return true;
    const { kind } = entry;
    const judged =
      kind === 'rule' ? this.#judgedRule(keyText, entry.rule) : this.#judgedManifest(keyText, entry.manifest);
    return (await judged) === undefined;
  }

  /** A rule says nothing of freshness: it holds until it is invalidated hard. */
  async #judgedRule(keyText: string, rule: VaryRule): Promise<StoredEntry | undefined> {
    const { scope, url, generation } = rule;
    const { verdict } = await this.#options.generations.judge(generation, () => ({
      key: keyText,
      scope,
      url,
    }));
    return verdict === 'gone' ? undefined : { kind: 'rule', rule };
  }

  /** A version that was answered within the last 30 s, or the stored one. */
  async readVersion(keyText: string, version: string): Promise<Manifest | undefined> {
    const recent = this.#recent.get(versionName(keyText, version));
    if (recent !== undefined) return recent;
    const stored = await this.read(keyText);
    return stored?.version === version ? stored : undefined;
  }

  /** Keeps a version readable for a while: its reader is on the way. */
  remember(keyText: string, manifest: Manifest): void {
    this.#recent.set(versionName(keyText, manifest.version), manifest);
  }

  /**
   * Writes a version over itself as it was confirmed, unless another one stands there by now, or this one as a later request confirmed it:
   * that does not change its name.
   *
   * @param fence of the lease by which it was confirmed
   * @returns false when it was not written, or the store failed
   */
  async renew({ text }: EntryKey, manifest: Manifest, fence?: string): Promise<boolean> {
    const { store, report } = this.#options;
    const { version, requestTimeMs: sinceMs } = manifest;
    try {
      const there = standing(text, await store.readManifest(text));
      if (there.version !== version || isLater(there, { sinceMs, version })) return false;
      const bytes = encodeManifest(text, { ...manifest, generation: laterGeneration(there, manifest) });
      const write = { bytes, version, ttlMs: retentionMs(manifest), ifVersion: version };
      return await store.writeManifest(text, fence === undefined ? write : { ...write, fence });
    } catch (error) {
      report('store-write', { key: text, error });
      return false;
    }
  }

  /**
   * Publishes a response, unless what stands there was asked for later: of two fetches under way the one that began last has the last word.
   * What stands there and was invalidated hard refuses nothing that was not.
   *
   * @param fence of the lease by which it was fetched: nothing older is written after it
   */
  async publish({ text }: EntryKey, manifest: Manifest, fence?: string): Promise<PublishEnd> {
    const { store, report } = this.#options;
    const { version, requestTimeMs: sinceMs } = manifest;
    const bytes = encodeManifest(text, manifest);
    const write = { bytes, version, ttlMs: retentionMs(manifest), ...(fence === undefined ? {} : { fence }) };
    let refusedBy: string | undefined;
    const entry = { kind: 'manifest', manifest } as const;
    const makesWay = async (there: Standing): Promise<boolean> =>
      (await this.#isGone(text, there)) && !(await this.#isGone(text, { entry }));
    try {
      for (let round = 0; round < SWAP_ROUNDS_MAX; round += 1) {
        const there = standing(text, await store.readManifest(text));
        const { ifVersion } = there.comparison;
        if (isLater(there, { sinceMs, version }) && !(await makesWay(there))) return 'later-stands';
        // It stands there as it did, so that not the comparison has failed, but the fence.
        if (fence !== undefined && ifVersion !== undefined && ifVersion === refusedBy) {
          if (!(await makesWay(there))) return 'later-lease';
          await store.deleteManifest(text, ifVersion);
          continue;
        }
        if (await store.writeManifest(text, { ...write, ...there.comparison })) return 'published';
        refusedBy = ifVersion;
      }
      return 'contended';
    } catch (error) {
      report('store-write', { key: text, error });
      return 'store-failed';
    }
  }

  /**
   * Changes the rule of a key; variants that it no longer names are removed.
   *
   * @param change gives the rule back as it was when nothing is to be written
   * @param askedAtMs a response that was asked for later than this is not replaced by a rule
   * @returns false when such a response stands there, others changed the rule again and again, or the store failed
   */
  async changeRule(
    { text }: EntryKey,
    change: (former: VaryRule | undefined) => VaryRule,
    askedAtMs = Infinity,
  ): Promise<boolean> {
    const former = this.#changes.get(text);
    // Those of one process take turns: only other processes can come between.
    const turn = (former ?? Promise.resolve()).then(
      async () => await this.#swapRule(text, change, askedAtMs),
    );
    const settled = turn.then(() => undefined);
    this.#changes.set(text, settled);
    try {
      return await turn;
    } finally {
      if (this.#changes.get(text) === settled) this.#changes.delete(text);
    }
  }

  /** Never rejects. */
  async #swapRule(
    text: string,
    change: (former: VaryRule | undefined) => VaryRule,
    askedAtMs: number,
  ): Promise<boolean> {
    const { store, report } = this.#options;
    try {
      for (let round = 0; round < SWAP_ROUNDS_MAX; round += 1) {
        const there = standing(text, await store.readManifest(text));
        const isGone = await this.#isGone(text, there);
        const rule = there.entry?.kind === 'rule' ? there.entry.rule : undefined;
        if (rule === undefined && !isGone && there.sinceMs > askedAtMs) return false;
        const former = isGone ? undefined : rule;
        const changed = change(former);
        if (changed === former) return true;
        const bytes = encodeVaryRule(text, changed);
        const write = { bytes, version: ruleVersion(changed), ttlMs: RULE_TTL_MS };
        if (!(await store.writeManifest(text, { ...write, ...there.comparison }))) continue;
        const dropped = (rule?.variants ?? []).filter((variant) => !changed.variants.includes(variant));
        await Promise.all(dropped.map(async (variant) => await store.deleteManifest(variant)));
        return true;
      }
    } catch (error) {
      report('store-write', { key: text, error });
    }
    return false;
  }

  /**
   * Removes an entry whose partitions are lost, or that is known to be out of date, unless it has been replaced meanwhile; whoever asks for it
   * next fetches it anew. Never rejects.
   */
  async removeVersion(keyText: string, version: string): Promise<void> {
    const { store, report } = this.#options;
    const name = versionName(keyText, version);
    this.#recent.delete(name);
    // All readers of a body find the same partition missing: it is removed once for all of them.
    const removing = this.#removing.get(name) ?? store.deleteManifest(keyText, version);
    this.#removing.set(name, removing);
    try {
      await removing;
    } catch (error) {
      report('store-write', { key: keyText, error });
    } finally {
      this.#removing.delete(name);
    }
  }
}
