import type { FailedRefreshes } from '../dataset/version/failed-refreshes.ts';
import type { DatasetArchive } from './dataset-archive.ts';
import type { DatasetIngest } from './dataset-ingest.ts';
import type { DatasetPublication, DatasetsDeps } from './dataset-service.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import type { RefreshTurns } from './refresh-turns.ts';

/** What a refresh works with. */
export interface RefreshDeps extends DatasetsDeps {
  readonly archive: DatasetArchive;
  readonly closed: AbortSignal;
  /** Told of an ingest as soon as it begins. */
  readonly onIngest: (declared: DeclaredDataset, ingest: DatasetIngest) => void;
  /** What went wrong lately, and is not to be tried by each read. */
  readonly failures: FailedRefreshes;
  readonly turns: RefreshTurns;
  readonly onPublished: (publication: DatasetPublication) => void;
  readonly count: (what: RefreshCount) => void;
}

/**
 * What becomes of refreshes. `elsewhere`: another server's was waited for and used; `superseded`: what was cut was thrown away, because another
 * server had taken the turn; `control-away`: nobody could say whose turn it was; `partition-missing`: the store had lost some of what was to be published.
 */
export type RefreshCount =
  | 'partition-missing'
  | 'cut'
  | 'unchanged'
  | 'quarantined'
  | 'failed'
  | 'restarted'
  | 'elsewhere'
  | 'superseded'
  | 'control-away';
