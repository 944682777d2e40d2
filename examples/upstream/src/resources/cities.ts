import { bufferBody } from '../body.ts';
import type { CityDataset } from '../city-dataset.ts';
import { type Coding, negotiateCoding } from '../content-coding.ts';
import type { HeaderPair } from '../answer.ts';
import { representationAnswer } from '../representation.ts';
import { readMethods, type Resource } from '../resource.ts';

/** RFC 9110 §8.8.3.3: codings of one document are different bytes and need different strong tags. */
function codedEtag(etag: string, coding: Coding): string {
  return coding === 'identity' ? etag : etag.replace(/"$/, `-${coding}"`);
}

/** The whole data set, as one document. */
export function citiesResource(cities: CityDataset): Resource {
  return {
    usage: '/cities.json',
    path: '/cities.json',
    methods: readMethods,
    answer(request) {
      const version = cities.current;
      const coding = negotiateCoding(request.headers['accept-encoding']);
      const contentEncoding: HeaderPair[] = coding === 'identity' ? [] : [['Content-Encoding', coding]];
      return representationAnswer(request, {
        type: 'application/json',
        etag: codedEtag(version.etag, coding),
        lastModifiedMs: version.lastModifiedMs,
        headers: [['Vary', 'Accept-Encoding'], ...contentEncoding],
        body: async () => bufferBody(await version.coded(coding)),
      });
    },
  };
}
