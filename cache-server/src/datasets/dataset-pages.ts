/** The pages of a paginated API as the documents of one dataset, of one state of the data. */
import { getHeader } from '@pannier/http-semantics';
import type { IngestDocument } from '../dataset/ingest/run-ingest.ts';
import { bodyPointer, countsRecords, firstPageUrl, nextPageUrl } from '../dataset/source/next-page.ts';
import { PageLook } from '../dataset/source/page-look.ts';
import type { PageAnswer, PageQuestion } from '../dataset/source/page-look.ts';
import { bodyParts, contentEncoding, fetchResponse, placed } from './dataset-response.ts';
import type { SourceDeps } from './dataset-response.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import type { BodyPart, EntryResponse } from '../entry/entry-answer.ts';
import { probeVersion } from '../fetch/version-probe.ts';
import { partBytes } from '../entry/whole-body.ts';

/** The data changed while its pages were fetched. */
export class PagesChanged extends Error {
  override readonly name = 'PagesChanged';
}

/** A walk over all pages. */
interface Walk {
  readonly declared: DeclaredDataset;
  readonly pages: NonNullable<DeclaredDataset['settings']['pages']>;
  readonly deps: SourceDeps;
  readonly signal: AbortSignal;
}

/**
 * The pages as documents, one after the other; each is to be read to its end before the next one is asked for.
 *
 * @throws PagesChanged when the data changed meanwhile; CacheServerError naming the page that failed
 */
export async function* pageDocuments(
  declared: DeclaredDataset,
  deps: SourceDeps,
  signal: AbortSignal,
): AsyncGenerator<IngestDocument> {
  const { pages } = declared.settings;
  if (pages === undefined) return;
  const walk: Walk = { declared, pages, deps, signal };
  const isStrict = pages.consistency === 'strict';
  const before = isStrict ? await probeVersion(declared, deps, { signal, confirmed: true }) : undefined;
  const seen = new Set<string>();
  let first: PageInPassing | undefined;
  let total = 0;
  let url: string | undefined = firstUrl(walk);
  for (let index = 0; url !== undefined; index += 1) {
    requireNew(url, { index, seen, walk });
    const page: PageInPassing = await openPage(url, { index, hashes: index === 0 && !isStrict }, walk);
    yield page.document;
    const { told, records } = page.answer;
    total += records;
    first ??= page;
    url = nextPageUrl({ url, index, link: page.link, told, records, total }, pages);
  }
  const isUnchanged = isStrict
    ? (await probeVersion(declared, deps, { signal, confirmed: true })) === before
    : await isStillFirst(first, walk);
  if (!isUnchanged) throw new PagesChanged();
}

function firstUrl({ declared, pages }: Walk): string {
  return firstPageUrl(declared.urls[0] ?? '', pages);
}

function requireNew(
  url: string,
  { index, seen, walk }: { index: number; seen: Set<string>; walk: Walk },
): void {
  const { declared, pages } = walk;
  if (index >= pages.max) throw declared.unfit(`more pages than pages.max ${pages.max}`);
  if (seen.has(url)) throw declared.unfit(`page ${index + 1}: it leads in a circle`);
  seen.add(url);
}

/** Best effort: the first page is looked at once more. */
async function isStillFirst(first: PageInPassing | undefined, walk: Walk): Promise<boolean> {
  const again = await openPage(firstUrl(walk), { index: 0, hashes: true }, walk);
  if (again.version === first?.version) {
    again.release();
    return true;
  }
  // Read for its digest alone.
  for await (const _part of again.document.parts);
  return again.answer.digest === first?.answer.digest;
}

/** Each of them is confirmed: one that is fresh from an earlier walk would be of other data than its neighbours. */
async function openPage(
  url: string,
  { index, hashes }: { index: number; hashes: boolean },
  { declared, pages, deps, signal }: Walk,
): Promise<PageInPassing> {
  const place = `page ${index + 1}: `;
  const response = await fetchResponse(url, declared, { deps, signal, place, confirmed: true });
  const question = { pointer: bodyPointer(pages), counts: countsRecords(pages), hashes };
  const look = (): PageLook | undefined =>
    needsLook(question) ? openLook(question, response, { declared, deps }) : undefined;
  return new PageInPassing(response, { declared, place, look, signal });
}

function needsLook({ pointer, counts, hashes }: PageQuestion): boolean {
  return pointer !== undefined || counts || hashes;
}

function openLook(
  question: PageQuestion,
  response: EntryResponse,
  { declared, deps }: { declared: DeclaredDataset; deps: SourceDeps },
): PageLook {
  const format = { ...declared.settings, contentEncoding: contentEncoding(response) };
  return new PageLook(question, format, deps.limits);
}

interface PagePlace {
  readonly declared: DeclaredDataset;
  /** Begins what is told of it. */
  readonly place: string;
  readonly look: () => PageLook | undefined;
  readonly signal: AbortSignal;
}

/** A page that is looked at while its reader takes it: neither it nor its content is ever held as a whole. */
class PageInPassing {
  readonly document: IngestDocument;
  readonly link: string | undefined;
  readonly version: string;
  readonly #response: EntryResponse;
  #answer: PageAnswer | undefined;

  constructor(response: EntryResponse, place: PagePlace) {
    this.#response = response;
    this.link = getHeader(response.headers, 'link');
    this.version = response.body.version;
    this.document = {
      contentEncoding: contentEncoding(response),
      place: place.place,
      parts: this.#parts(place),
    };
  }

  /** What was seen; there when the document was read to its end. */
  get answer(): PageAnswer {
    if (this.#answer === undefined) throw new Error('a page that was not read tells nothing');
    return this.#answer;
  }

  release(): void {
    this.#response.body.release();
  }

  async *#parts({ declared, place, look: openIt, signal }: PagePlace): AsyncGenerator<BodyPart> {
    let look: PageLook | undefined;
    try {
      look = openIt();
      for await (const part of bodyParts(this.#response, signal)) {
        // Before it is handed on, for then its memory may be another's.
        await look?.push(await partBytes(part));
        yield part;
      }
      this.#answer = (await look?.end()) ?? { told: undefined, records: 0, digest: '' };
    } catch (error) {
      throw placed(error, declared, place);
    } finally {
      look?.close();
    }
  }
}
