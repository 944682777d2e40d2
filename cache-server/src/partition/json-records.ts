/** Finds the records of a JSON array in a document that arrives in chunks, without parsing the document as a whole. */

/** A record's bytes were found, or the document is not what it was declared to be. */
export class JsonRecordsError extends Error {
  override readonly name = 'JsonRecordsError';
}

/** Settings of {@link JsonRecords}. */
export interface JsonRecordsOptions {
  /** JSON Pointer of the array (RFC 6901); '' for the document itself. Its tokens name members of objects. */
  readonly pointer: string;
  readonly recordBytesMax: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

interface Container {
  readonly isArray: boolean;
  /** Member that is being read, of an object on the way to the array. */
  key: string;
}

/** Scans bytes and hands out each record's bytes. Quotes and brackets decide; the record itself is for the reader to parse. */
export class JsonRecords {
  readonly #tokens: readonly string[];
  readonly #options: JsonRecordsOptions;
  readonly #open: Container[] = [];
  /** Depth at which the array stands once it is found. */
  #arrayDepth = -1;
  #found = false;
  #inString = false;
  #escaped = false;
  /** Bytes of the record, or of the string, that began in an earlier chunk. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #isPending = false;
  #lastText = '';
  #records = 0;
  #ended = false;

  constructor(options: JsonRecordsOptions) {
    this.#options = options;
    this.#tokens = options.pointer
      .split('/')
      .slice(1)
      .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  }

  /** Number of records handed out. */
  get records(): number {
    return this.#records;
  }

  /** @throws JsonRecordsError when the document has no array there, or a record is over the limit */
  push(chunk: Buffer, onRecord: (record: Buffer) => void): void {
    let start = this.#isPending ? 0 : -1;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      const depth = this.#open.length;
      const atRecords = depth === this.#arrayDepth;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) {
          this.#inString = false;
          if (this.#arrayDepth < 0) {
            this.#lastText = this.#take(chunk, start, at + 1).toString('utf8');
            start = -1;
          }
        }
        continue;
      }
      if (isSpace(byte)) continue;
      if (atRecords && (byte === COMMA || byte === CLOSE_ARRAY)) {
        if (start >= 0) onRecord(this.#record(chunk, start, at));
        else if (byte === COMMA || this.#records > 0) throw this.#malformed('an empty place in the array');
        start = -1;
        if (byte === COMMA) this.#expectRecord();
        else this.#closeArray();
        continue;
      }
      if (atRecords && start < 0) start = this.#begin(at);
      if (byte === QUOTE) {
        this.#inString = true;
        if (this.#arrayDepth < 0) start = this.#begin(at);
      } else this.#structure(byte);
    }
    if (start >= 0) this.#keep(chunk.subarray(start));
  }

  /** @throws JsonRecordsError when the document broke off or had no array there */
  end(): void {
    if (this.#inString || this.#open.length > 0) {
      throw new JsonRecordsError(`the document breaks off behind record ${this.#records}`);
    }
    if (!this.#found) throw this.#notThere();
  }

  #begin(at: number): number {
    this.#isPending = true;
    return at;
  }

  #keep(part: Buffer): void {
    this.#pendingBytes += part.length;
    if (this.#pendingBytes > this.#options.recordBytesMax) throw this.#tooLong();
    this.#pending.push(Buffer.from(part));
  }

  #take(chunk: Buffer, start: number, end: number): Buffer {
    const last = chunk.subarray(start, end);
    const whole = this.#pending.length === 0 ? last : Buffer.concat([...this.#pending, last]);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#isPending = false;
    return whole;
  }

  #record(chunk: Buffer, start: number, end: number): Buffer {
    const record = this.#take(chunk, start, end);
    if (record.length > this.#options.recordBytesMax) throw this.#tooLong();
    this.#records += 1;
    return record;
  }

  #expectRecord(): void {
    this.#isPending = false;
  }

  #closeArray(): void {
    this.#open.pop();
    this.#arrayDepth = -1;
    this.#ended = this.#open.length === 0;
  }

  /** Follows the brackets; on the way to the array, also the members' names. */
  #structure(byte: number): void {
    const inner = this.#open.at(-1);
    if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      if (this.#ended) throw this.#malformed('something follows the document');
      if (byte === OPEN_ARRAY && !this.#found && this.#isAtPointer()) {
        this.#found = true;
        this.#arrayDepth = this.#open.length + 1;
      } else if (!this.#found && this.#open.length === 0 && this.#tokens.length === 0) throw this.#notThere();
      this.#open.push({ isArray: byte === OPEN_ARRAY, key: '' });
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      if (inner?.isArray !== (byte === CLOSE_ARRAY)) throw this.#malformed('a bracket that nothing opened');
      this.#open.pop();
      this.#ended = this.#open.length === 0;
    } else if (byte === COLON && this.#arrayDepth < 0 && inner !== undefined)
      inner.key = JSON.parse(this.#lastText) as string;
    else if (this.#open.length === 0) throw this.#notThere();
  }

  #isAtPointer(): boolean {
    return (
      this.#open.length === this.#tokens.length &&
      this.#open.every(({ isArray, key }, depth) => !isArray && key === this.#tokens[depth])
    );
  }

  #notThere(): JsonRecordsError {
    const place = this.#options.pointer === '' ? 'the document' : `what stands at ${this.#options.pointer}`;
    return new JsonRecordsError(`${place} is not a JSON array`);
  }

  #malformed(what: string): JsonRecordsError {
    return new JsonRecordsError(`malformed JSON behind record ${this.#records}: ${what}`);
  }

  #tooLong(): JsonRecordsError {
    return new JsonRecordsError(
      `record ${this.#records + 1} is over limits.recordBytesMax ${this.#options.recordBytesMax}`,
    );
  }
}
