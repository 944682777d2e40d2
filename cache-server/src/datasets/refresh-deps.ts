import type { FailedRefreshes } from '../dataset/version/failed-refreshes.ts';
import type { DatasetArchive } from './dataset-archive.ts';
import type { DatasetIngest } from './dataset-ingest.ts';
import type { DatasetPublication, DatasetsDeps } from './dataset-service.ts';
import type { DeclaredDataset } from './declared-dataset.ts';

/** What a refresh works with. */
export interface RefreshDeps extends DatasetsDeps {
  readonly archive: DatasetArchive;
  readonly closed: AbortSignal;
  /** Told of an ingest as soon as it begins. */
  readonly onIngest: (declared: DeclaredDataset, ingest: DatasetIngest) => void;
  /** What went wrong lately, and is not to be tried by each read. */
  readonly failures: FailedRefreshes;
  readonly onPublished: (publication: DatasetPublication) => void;
  readonly count: (what: 'cut' | 'unchanged' | 'quarantined' | 'failed' | 'restarted') => void;
}
