/** What invalidations make of a dataset's version: whether its upstream has to be asked again whatever its age says. */
import type { Generation } from '@pannier/proto/generation';
import type { VersionShelf } from '../dataset/version/version-shelf.ts';
import type { DatasetsDeps } from './dataset-service.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import type { Judgement } from '../generation/generations.ts';

/** Of a shelf that an older server wrote. */
const NO_GENERATION: Generation = { epoch: '', sequence: 0 };

/** `gone`: the version may not be read any more; `stale` and `unknown`: not before it was tried to get a newer one. */
export async function datasetVerdict(
  { name, settings, key }: DeclaredDataset,
  { current, generation = NO_GENERATION }: Pick<VersionShelf, 'current' | 'generation'>,
  { generations }: Pick<DatasetsDeps, 'generations'>,
): Promise<Judgement['verdict']> {
  // Where there is no version there is nothing to doubt, and no reason not to use what is cached of its documents.
  if (current === '') return 'valid';
  const targets = { dataset: name, scope: settings.upstream, key: key.text };
  return (await generations.judge(generation, () => targets)).verdict;
}
