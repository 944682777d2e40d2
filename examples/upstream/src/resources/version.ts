import { jsonAnswer } from '../answer.ts';
import type { CityDataset } from '../city-dataset.ts';
import { readMethods, type Resource } from '../resource.ts';

/** Which version of the cities is published: cheap to poll, never cached. */
export function versionResource(cities: CityDataset): Resource {
  return {
    usage: '/version',
    path: '/version',
    methods: readMethods,
    answer: () => jsonAnswer(200, { version: cities.current.version }),
  };
}
