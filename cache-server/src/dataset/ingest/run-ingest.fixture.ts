/** Cuts a text as the server does, in a thread, and gives back the stored partitions decoded. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeFrame, decodeRecords } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import { loadConfig } from '@pannier/runtime';
import { onTestFinished } from 'vitest';
import type { IngestDocument } from './run-ingest.ts';
import { runIngest } from './run-ingest.ts';
import type { CutPartition, IngestSummary } from './ingest-plan.ts';

/** What a test may choose. */
export interface CutOptions {
  readonly limits?: object;
  readonly signal?: AbortSignal;
  /** Waits before a partition is stored. */
  readonly store?: () => Promise<void>;
  /** Of the version before. */
  readonly quantileEdges?: readonly number[];
}

export interface CutResult extends IngestSummary {
  /** By name, in the order of the summary. */
  readonly partitions: ReadonlyMap<string, RecordValue[]>;
  readonly stored: readonly CutPartition[];
}

/** @param documents texts, or pieces of one as they come */
export async function cut(
  dataset: object,
  documents: readonly (string | Iterable<string>)[],
  options: CutOptions = {},
): Promise<CutResult> {
  const { limits: overridden = {}, signal = new AbortController().signal, quantileEdges } = options;
  const base = { upstream: 'api', endpoint: '/rows.json', partitionBy: { field: 'country' } };
  const config = loadConfig({
    env: {},
    overrides: {
      upstreams: { api: { url: 'https://api.example' } },
      datasets: { rows: { ...base, ...dataset } },
      limits: overridden,
    },
  });
  const { limits } = config;
  const settings = config.datasets['rows'];
  if (settings === undefined) throw new Error('not declared');
  const stored: CutPartition[] = [];
  const summary = await runIngest({
    plan: { scope: 'rows', settings, limits, baseDir: '/', quantileEdges },
    documents: documentsOf(documents),
    signal,
    slots: limits,
    ruleTimeoutMs: limits.ruleTimeoutMs,
    store: async (partition) => {
      await options.store?.();
      stored.push(partition);
    },
  });
  const partitions = new Map<string, RecordValue[]>();
  for (const name of summary.order) {
    const found = stored.find((partition) => partition.name === name);
    if (found === undefined) throw new Error(`partition ${name} was not stored`);
    const { frame, digest } = found;
    const content = await decodeFrame(frame, { scope: 'rows', digest, contentBytesMax: 2 ** 25 });
    partitions.set(name, decodeRecords(content));
  }
  return { ...summary, partitions, stored };
}

async function* documentsOf(
  documents: readonly (string | Iterable<string>)[],
): AsyncGenerator<IngestDocument> {
  for (const document of documents) {
    yield {
      contentEncoding: '',
      place: '',
      parts: partsOf(typeof document === 'string' ? [document] : document),
    };
  }
}

async function* partsOf(pieces: Iterable<string>): IngestDocument['parts'] {
  for (const piece of pieces) yield { kind: 'raw', bytes: Buffer.from(piece) };
}

/** An ES module in a file that is gone with the test; its path. */
export function moduleOf(source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'pannier-rule-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'rule.mjs');
  writeFileSync(path, source);
  return path;
}
