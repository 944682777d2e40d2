import { generatedBody, type GeneratedType } from '../generated-body.ts';
import { byteCountField, numberField, wordField } from '../input-fields.ts';
import { representationAnswer } from '../representation.ts';
import { readMethods, type Resource } from '../resource.ts';

const path = '/generated/';
const bytesMax = 1024 ** 4;
const seedMax = 2 ** 32 - 1;
/** The bytes are a function of the URL for ever, so one date in the past is true for all. */
const lastModifiedMs = Date.UTC(2026, 0, 1);

const contentTypes: Record<GeneratedType, string> = {
  json: 'application/json',
  random: 'application/octet-stream',
};

/** Bodies of any size that are made while they are sent. */
export const generatedResource: Resource = {
  usage: '/generated/<bytes, also 50MB or 1GiB>?seed=1&type=json|random&chunked=0|1',
  path,
  methods: readMethods,
  answer(request) {
    const bytes = byteCountField('bytes', request.path.slice(path.length), { min: 0, max: bytesMax });
    const seed = numberField('seed', request.query.get('seed') ?? 1, { min: 0, max: seedMax });
    const type = wordField('type', request.query.get('type') ?? 'json', ['json', 'random']);
    return representationAnswer(request, {
      type: contentTypes[type],
      etag: `"generated-${type}-${bytes}-${seed}"`,
      lastModifiedMs,
      body: () => generatedBody(bytes, seed, type),
    });
  },
};
