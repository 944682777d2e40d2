import { createHash } from 'node:crypto';
import { bufferBody } from '../body.ts';
import { UpstreamError } from '../errors.ts';
import { representationAnswer } from '../representation.ts';
import { readMethods, type Resource } from '../resource.ts';

const bodyBytes = 1024;
/** As JSON, quotes included: so much fits beside the rest of the document. */
const idBytesMax = 512;
const lastModifiedMs = Date.UTC(2026, 0, 1);
const filler = "A pannier is the basket carried at one's side. ".repeat(40);

/** One of any number of documents of 1,024 bytes: its id, a digest of the id, and filler. */
function smallDocument(id: string): Buffer {
  const digest = createHash('sha256').update(id).digest('hex');
  const start = `{"id":${JSON.stringify(id)},"digest":"${digest}","text":"`;
  const room = bodyBytes - Buffer.byteLength(start) - '"}\n'.length;
  return Buffer.from(`${start}${filler.slice(0, room)}"}\n`);
}

/** Small documents, one per id, for tests and benches with many keys. */
export const smallResource: Resource = {
  usage: '/small?id=<text>',
  path: '/small',
  methods: readMethods,
  answer(request) {
    const id = request.query.get('id') ?? '';
    if (Buffer.byteLength(JSON.stringify(id)) > idBytesMax) {
      throw new UpstreamError('bad-request', `id: longer than ${idBytesMax} bytes`);
    }
    const body = smallDocument(id);
    const etag = `"small-${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`;
    return representationAnswer(request, {
      type: 'application/json',
      etag,
      lastModifiedMs,
      body: () => bufferBody(body),
    });
  },
};
