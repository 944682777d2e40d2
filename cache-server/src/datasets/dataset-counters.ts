/** What is counted of datasets, wherever their partitions are kept. */
import type { Metrics } from '@pannier/runtime';

/** Which part of a read was answered without the shared store. */
export type MakeshiftPart = 'whole' | 'rest';

/** See the head of this file. */
export interface DatasetCounters {
  /** What became of a refresh, or of a partition. */
  readonly count: (what: string) => void;
  readonly sent: (bytes: number) => void;
  readonly madeDo: (part: MakeshiftPart) => void;
}

/** Registers the counters; once for a server. */
export function createDatasetCounters(metrics: Metrics): DatasetCounters {
  const outcomes = metrics.counter<string>({
    name: 'datasets_total',
    help: 'Refreshes of datasets by what became of them, here or elsewhere, restarts by changed pages, and partitions lost.',
    labels: ['what'],
  });
  const sent = metrics.counter({
    name: 'dataset_bytes_sent_total',
    help: 'Bytes of partitions sent to readers, compressed.',
  });
  const makeshift = metrics.counter({
    name: 'dataset_makeshift_reads_total',
    help: 'Reads of datasets, or the rest of those that had begun, from the memory of this server alone, because Redis was away.',
    labels: ['part'],
  });
  for (const part of ['whole', 'rest'] as const) makeshift.inc({ part }, 0);
  return {
    count: (what) => outcomes.inc({ what }),
    sent: (bytes) => sent.inc(bytes),
    madeDo: (part) => makeshift.inc({ part }),
  };
}
