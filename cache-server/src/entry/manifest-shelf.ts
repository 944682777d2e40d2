/** Manifests by key, in the store; whatever is wrong with the store or with what it holds is a miss, and counted. */
import { LRUCache } from 'lru-cache';
import { entryTags } from '@pannier/proto/generation';
import type { EntryTargets } from '@pannier/proto/generation';
import type { Clock } from '../clock.ts';
import type { EntryKey } from './entry-key.ts';
import type { Generations } from '../generation/generations.ts';
import { RETENTION_MS_MAX, retentionMs } from '../freshness/entry-freshness.ts';
import { decodeManifest, encodeManifest } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import type { ReportFailure } from '../observe/failure-report.ts';
import type { EntryStore, ManifestRead, ManifestWrite } from '../store/entry-store.ts';
import { decodeVaryRule, encodeVaryRule, isVaryRule, ruleVersion } from './vary-rule.ts';
import type { VaryRule } from './vary-rule.ts';

/** What may stand under a key. */
export type StoredEntry =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  | { readonly kind: 'rule'; readonly rule: VaryRule };

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

/** What stands under a key, and how a write says that it is to replace just that. */
interface Standing {
  readonly rule: VaryRule | undefined;
  /** When a response was asked for, or a rule written; -Infinity where nothing can be read. */
  readonly sinceMs: number;
  /** Of a response; decides between those that were asked for in the same millisecond. */
  readonly version: string;
  readonly comparison: Pick<ManifestWrite, 'ifVersion' | 'ifAbsent'>;
}

const DOUBTS = { valid: undefined, stale: 'stale', unknown: 'unconfirmed' } as const;

/** Nothing that could be read. */
const NOTHING = { rule: undefined, sinceMs: -Infinity, version: '' };

function standing(keyText: string, bytes: Buffer | undefined): Standing {
  if (bytes === undefined) return { ...NOTHING, comparison: { ifAbsent: true } };
  try {
    if (isVaryRule(bytes)) {
      const rule = decodeVaryRule(keyText, bytes);
      return { rule, sinceMs: rule.writtenAtMs, version: '', comparison: { ifVersion: ruleVersion(rule) } };
    }
    const { version, requestTimeMs } = decodeManifest(keyText, bytes);
    return { rule: undefined, sinceMs: requestTimeMs, version, comparison: { ifVersion: version } };
  } catch {
    // Damaged, or of another format: whoever reads it reports it, and whatever is written is better.
    return { ...NOTHING, comparison: {} };
  }
}

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
   * @param when.ifVersion only if this version is still the stored one
   * @param when.fence of the lease by which it was confirmed
   * @returns false when it was not, or the store failed
   */
  async write(
    { text }: EntryKey,
    manifest: Manifest,
    when: { ifVersion?: string; fence?: string | undefined } = {},
  ): Promise<boolean> {
    const { store, report } = this.#options;
    const { version } = manifest;
    const bytes = encodeManifest(text, manifest);
    const { fence, ...comparison } = when;
    const fenced = fence === undefined ? comparison : { fence, ...comparison };
    try {
      return await store.writeManifest(text, { bytes, version, ttlMs: retentionMs(manifest), ...fenced });
    } catch (error) {
      report('store-write', { key: text, error });
      return false;
    }
  }

  /**
   * Publishes a response, unless what stands there was asked for later: of two fetches under way the one that began last has the last word.
   *
   * @param fence of the lease by which it was fetched: nothing older is written after it
   * @returns false when something newer stands there, others changed it again and again, or the store failed
   */
  async publish({ text }: EntryKey, manifest: Manifest, fence?: string): Promise<boolean> {
    const { store, report } = this.#options;
    const { version, requestTimeMs } = manifest;
    const fenced = fence === undefined ? {} : { fence };
    const write = {
      bytes: encodeManifest(text, manifest),
      version,
      ttlMs: retentionMs(manifest),
      ...fenced,
    };
    try {
      for (let round = 0; round < SWAP_ROUNDS_MAX; round += 1) {
        const there = standing(text, await store.readManifest(text));
        const isLater =
          there.sinceMs === requestTimeMs ? there.version > version : there.sinceMs > requestTimeMs;
        if (isLater) return false;
        if (await store.writeManifest(text, { ...write, ...there.comparison })) return true;
      }
    } catch (error) {
      report('store-write', { key: text, error });
    }
    return false;
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
        const former = there.rule && (await this.#judgedRule(text, there.rule)) && there.rule;
        // A rule that was invalidated is nobody's later response.
        if (there.rule === undefined && there.sinceMs > askedAtMs) return false;
        const rule = change(former);
        if (rule === former) return true;
        const write = { bytes: encodeVaryRule(text, rule), version: ruleVersion(rule), ttlMs: RULE_TTL_MS };
        if (!(await store.writeManifest(text, { ...write, ...there.comparison }))) continue;
        const dropped = (there.rule?.variants ?? []).filter((variant) => !rule.variants.includes(variant));
        await Promise.all(dropped.map(async (variant) => await store.deleteManifest(variant)));
        return true;
      }
    } catch (error) {
      report('store-write', { key: text, error });
    }
    return false;
  }

  /** Removes an entry whose partitions are lost, unless it has been replaced meanwhile; whoever asks for it next fetches it anew. */
  async removeLost(keyText: string, version: string): Promise<void> {
    const { store, report } = this.#options;
    const name = `${keyText}\n${version}`;
    this.#recent.delete(name);
    // All readers of a body find the same partition missing: one of them removes it.
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
