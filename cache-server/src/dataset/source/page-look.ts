/** What has to be known of a page beside its records: looked at while it goes by, in steps that keep nobody waiting. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DatasetError } from '../dataset-error.ts';
import { codingsOf, Decompression } from './decompression.ts';
import { JsonPlaces } from './json-places.ts';
import { openSource } from './read-records.ts';
import type { DocumentFormat } from './read-records.ts';
import type { RecordSource, SourceLimits } from './record-source.ts';

/** What is looked for. */
export interface PageQuestion {
  /** Place of a scalar in the JSON; undefined for none. */
  readonly pointer: string | undefined;
  /** Whether the records are counted. */
  readonly counts: boolean;
  /** Whether the content is to be told from another one. */
  readonly hashes: boolean;
}

/** What was found. */
export interface PageAnswer {
  /** JSON text of the scalar; undefined where none stands. */
  readonly told: string | undefined;
  /** Number of records in JSON; for other formats 1 stands for any number. */
  readonly records: number;
  /** Of the content without its compression; '' where none was asked for. */
  readonly digest: string;
}

const STEP_BYTES = 64 * 1024;

/** A look at one page. It is over with {@link PageLook.end}, or {@link PageLook.close}. */
export class PageLook {
  readonly #decompressions: readonly Decompression[];
  readonly #limits: SourceLimits;
  readonly #hash: Hash | undefined;
  readonly #places: JsonPlaces | undefined;
  /** Reads up to the first record, where only that tells whether there is one. */
  #source: RecordSource | undefined;
  #hasRecords = false;
  #bytes = 0;
  #bytesOfTurn = 0;

  /** @throws DatasetError `bad-document` for a coding that is not known */
  constructor(question: PageQuestion, format: DocumentFormat, limits: SourceLimits) {
    const { pointer, counts, hashes } = question;
    this.#limits = limits;
    const isJson = format.format === 'json';
    if (isJson && (counts || pointer !== undefined))
      this.#places = new JsonPlaces([pointer ?? '', format.records], limits.recordBytesMax);
    this.#source = counts && !isJson ? openSource(format, limits) : undefined;
    this.#hash = hashes ? createHash('sha256') : undefined;
    const codings = codingsOf(format.contentEncoding, format.compression);
    this.#decompressions = codings.map((coding) => new Decompression(coding));
  }

  /** Looks at a chunk, whose memory is its owner's again afterwards. @throws DatasetError */
  async push(chunk: Buffer): Promise<void> {
    for await (const plain of this.#plain(chunk, 0)) await this.#look(plain);
  }

  /** @throws DatasetError `bad-document` when the page is cut short */
  async end(): Promise<PageAnswer> {
    for (const [at, decompression] of this.#decompressions.entries()) {
      for await (const rest of decompression.end())
        for await (const plain of this.#plain(rest, at + 1)) await this.#look(plain);
    }
    if (this.#source !== undefined) this.#hasRecords = (await this.#source.end()).length > 0;
    this.close();
    const [place, list] = this.#places?.places ?? [];
    const records = list?.elements ?? Number(this.#hasRecords);
    return { told: place?.json, records, digest: this.#hash?.digest('hex') ?? '' };
  }

  close(): void {
    for (const decompression of this.#decompressions) decompression.close();
  }

  /** The chunk without the codings from one on. */
  async *#plain(chunk: Buffer, from: number): AsyncGenerator<Buffer> {
    const decompression = this.#decompressions[from];
    if (decompression === undefined) yield chunk;
    else for await (const piece of decompression.push(chunk)) yield* this.#plain(piece, from + 1);
  }

  async #look(plain: Buffer): Promise<void> {
    this.#bytes += plain.length;
    const { decompressedBytesMax } = this.#limits;
    if (this.#bytes > decompressedBytesMax) {
      const what = `the document is over limits.decompressedBytesMax ${decompressedBytesMax}`;
      throw new DatasetError('limit-exceeded', what);
    }
    for (let at = 0; at < plain.length; at += STEP_BYTES) {
      const step = plain.subarray(at, at + STEP_BYTES);
      this.#hash?.update(step);
      this.#places?.push(step);
      await this.#seekRecord(step);
      this.#bytesOfTurn += step.length;
      if (this.#bytesOfTurn < STEP_BYTES) continue;
      this.#bytesOfTurn = 0;
      await nextTurn();
    }
  }

  async #seekRecord(step: Buffer): Promise<void> {
    if (this.#source === undefined) return;
    this.#hasRecords = (await this.#source.push(step)).length > 0;
    if (this.#hasRecords) this.#source = undefined;
  }
}
