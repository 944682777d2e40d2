/** What operators do with the versions of datasets. */
import { AdminService } from '@pannier/proto';
import type { CallOptions } from './client-options.ts';
import { partitionDescription } from './dataset-description.ts';
import type { PartitionDescription } from './dataset-description.ts';
import type { Transport } from './transport/index.ts';
import { watchPublications } from './watch-publications.ts';
import type { DatasetPublication } from './watch-publications.ts';

/** A version of a dataset that is kept. */
export interface DatasetVersion {
  readonly version: string;
  readonly publishedAt: Date;
  readonly records: number;
  /** True for the one that readers get. */
  readonly current: boolean;
  readonly pinned: boolean;
  /** Why it was put aside; '' when it was not. */
  readonly quarantineReason: string;
}

/** What differs between two versions. */
export interface VersionDiff {
  readonly added: readonly PartitionDescription[];
  readonly changed: readonly PartitionDescription[];
  readonly removed: readonly PartitionDescription[];
  readonly unchanged: number;
  /** Records by their key; all zero where no key is declared or given. The first changes as JSON, '' on the side where there is none. */
  readonly records: {
    readonly added: number;
    readonly changed: number;
    readonly removed: number;
    readonly changes: readonly { readonly before: string; readonly after: string }[];
  };
}

/** Calls about versions. All throw PannierError `not-found` for an unknown dataset or version, naming the known ones. */
export interface DatasetAdmin {
  /** The newest first. */
  versions(dataset: string, options?: CallOptions): Promise<readonly DatasetVersion[]>;
  /** @param to default: the current version */
  diffVersions(
    dataset: string,
    from: string,
    options?: CallOptions & {
      readonly to?: string;
      readonly key?: readonly string[];
      readonly limit?: number;
    },
  ): Promise<VersionDiff>;
  /** Keeps a version however many come after it. */
  pinVersion(dataset: string, version: string, options?: CallOptions): Promise<void>;
  unpinVersion(dataset: string, version: string, options?: CallOptions): Promise<void>;
  /** Makes an older version the current one, until the upstream has something newer. */
  rollback(dataset: string, version: string, options?: CallOptions): Promise<void>;
  /** Publications from now on, whichever server made them; those during a break of the connection included. */
  watch(signal: AbortSignal): AsyncGenerator<DatasetPublication, void, undefined>;
}

/** The calls, over a transport. */
export function openDatasetAdmin(transport: Transport, deadlineMs: number): DatasetAdmin {
  const { method } = AdminService;
  const limits = (options: CallOptions = {}): CallOptions => ({ deadlineMs, ...options });
  return {
    async versions(dataset, options) {
      const { versions } = await transport.unary(method.listVersions, { dataset }, limits(options));
      return versions.map(({ version, publishedAtMs, records, current, pinned, quarantineReason }) => {
        const publishedAt = new Date(Number(publishedAtMs));
        return { version, publishedAt, records: Number(records), current, pinned, quarantineReason };
      });
    },
    async diffVersions(dataset, fromVersion, { to = '', key = [], limit = 0, ...options } = {}) {
      const request = { dataset, fromVersion, toVersion: to, keyFields: [...key], limit };
      const diff = await transport.unary(method.diffVersions, request, limits(options));
      return {
        added: diff.added.map(partitionDescription),
        changed: diff.changed.map(partitionDescription),
        removed: diff.removed.map(partitionDescription),
        unchanged: diff.unchanged,
        records: {
          added: Number(diff.recordsAdded),
          changed: Number(diff.recordsChanged),
          removed: Number(diff.recordsRemoved),
          changes: diff.changes.map(({ before, after }) => ({ before, after })),
        },
      };
    },
    async pinVersion(dataset, version, options) {
      await transport.unary(method.pinVersion, { dataset, version }, limits(options));
    },
    async unpinVersion(dataset, version, options) {
      await transport.unary(method.unpinVersion, { dataset, version }, limits(options));
    },
    async rollback(dataset, version, options) {
      await transport.unary(method.rollback, { dataset, version }, limits(options));
    },
    watch: (signal) => watchPublications(transport, signal),
  };
}
