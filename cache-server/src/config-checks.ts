/** What the cache server finds wrong with a config that the schema lets pass. */
import type { ConfigCheck } from '@pannier/runtime';
import { datasetFaults } from './datasets/check-datasets.ts';
import { refreshFaults } from './start-refresh.ts';

/** For `loadConfig`, which can tell the file and the line. */
export const CONFIG_CHECKS: readonly ConfigCheck[] = [datasetFaults, refreshFaults];
