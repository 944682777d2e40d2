/**
 * What stands at some places of a JSON document, found byte by byte while it goes by: nothing is held and nothing parsed but names on the
 * way and the scalars asked for. That the rest is JSON at all is for those to judge who read the records.
 */
import { DatasetError } from '../dataset-error.ts';
import { pointerTokens } from './json-pointer.ts';
import { Scalar } from './json-scalar.ts';
import { isBlank, JSON_DEPTH_MAX, ValueScanner } from './value-scanner.ts';

/** A place that is looked for. */
export interface JsonPlace {
  /** RFC 6901. */
  readonly pointer: string;
  /** The scalar's own JSON text; `{` or `[` for what is none; undefined where nothing stands. */
  readonly json: string | undefined;
  /** Elements of the array that stands there; else 0. */
  readonly elements: number;
}

interface Place extends JsonPlace {
  readonly tokens: readonly string[];
  json: string | undefined;
  elements: number;
}

/** An array or object that a place is, or is in. */
interface Container {
  readonly isArray: boolean;
  /** Places that are this array. */
  readonly here: readonly Place[];
  /** Places that are inside. */
  readonly inside: readonly Place[];
  name: string;
  index: number;
  /** Of an object: a name comes next. */
  isAtName: boolean;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const NO_PLACES: readonly Place[] = [];

/** One document. */
export class JsonPlaces {
  readonly #places: readonly Place[];
  readonly #textBytesMax: number;
  readonly #open: Container[] = [];
  /** Passes what is of no interest. */
  readonly #scanner = new ValueScanner('commas');
  #isPassing = false;
  /** The name or scalar under way, and the places that are this scalar. */
  #scalar: Scalar | undefined;
  #scalarPlaces: readonly Place[] = NO_PLACES;
  /** The document's value has begun; a second one would be none of it. */
  #isBegun = false;

  /** @param textBytesMax the longest name or scalar that is looked at */
  constructor(pointers: readonly string[], textBytesMax: number) {
    this.#places = pointers.map((pointer) => ({
      pointer,
      tokens: pointerTokens(pointer),
      json: undefined,
      elements: 0,
    }));
    this.#textBytesMax = textBytesMax;
  }

  /** What was found up to now, in the order of the pointers. */
  get places(): readonly JsonPlace[] {
    return this.#places;
  }

  /** Reads on. @throws DatasetError `bad-document` for a text over the limit */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#isPassing) at = this.#pass(chunk, at);
      else if (this.#scalar !== undefined) at = this.#readScalar(this.#scalar, chunk, at);
      else at = this.#take(chunk[at] ?? 0, at);
    }
  }

  /** Position of the comma or bracket behind a value of no interest; the chunk's length where it goes on. */
  #pass(chunk: Buffer, from: number): number {
    const at = this.#scanner.seek(chunk, from);
    if (this.#scanner.depth > JSON_DEPTH_MAX) return chunk.length;
    this.#isPassing = at === chunk.length;
    return at;
  }

  #take(byte: number, at: number): number {
    const inner = this.#open.at(-1);
    if (isBlank(byte)) return at + 1;
    if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) this.#open.pop();
    else if (byte === COMMA || byte === COLON) {
      if (inner !== undefined) follow(inner, byte);
    } else if (inner?.isAtName === true && byte === QUOTE) {
      this.#scalar = new Scalar(byte);
      return at;
    } else return this.#begin(byte, at);
    return at + 1;
  }

  #begin(byte: number, at: number): number {
    const inner = this.#open.at(-1);
    if (inner === undefined && this.#isBegun) return this.#passFrom(at);
    this.#isBegun = true;
    for (const place of inner?.here ?? NO_PLACES) place.elements += 1;
    const found = this.#placesOn(inner);
    if (found.length === 0) return this.#passFrom(at);
    const depth = this.#open.length;
    const here = found.filter(({ tokens }) => tokens.length === depth);
    const inside = found.filter(({ tokens }) => tokens.length > depth);
    const isArray = byte === OPEN_ARRAY;
    // Of a name that stands twice the last one counts, as for JSON.parse.
    for (const place of found) [place.json, place.elements] = [undefined, 0];
    if (isArray || byte === OPEN_OBJECT) {
      for (const place of here) place.json = isArray ? '[' : '{';
      if (inside.length === 0 && !isArray) return this.#passFrom(at);
      this.#open.push({
        isArray,
        here: isArray ? here : NO_PLACES,
        inside,
        name: '',
        index: 0,
        isAtName: !isArray,
      });
      return at + 1;
    }
    if (here.length === 0) return this.#passFrom(at);
    this.#scalar = new Scalar(byte);
    this.#scalarPlaces = here;
    return at;
  }

  /** Places that the value which begins is, or that are inside of it. */
  #placesOn(inner: Container | undefined): readonly Place[] {
    if (inner === undefined) return this.#places;
    if (inner.inside.length === 0) return NO_PLACES;
    const token = inner.isArray ? String(inner.index) : inner.name;
    const level = this.#open.length - 1;
    return inner.inside.filter(({ tokens }) => tokens[level] === token);
  }

  #passFrom(at: number): number {
    this.#isPassing = true;
    return at;
  }

  #readScalar(scalar: Scalar, chunk: Buffer, from: number): number {
    const to = scalar.read(chunk, from);
    if (scalar.bytes > this.#textBytesMax) {
      const what = `a text outside of the records is over limits.recordBytesMax ${this.#textBytesMax}`;
      throw new DatasetError('bad-document', what);
    }
    if (!scalar.isWhole) return to;
    const inner = this.#open.at(-1);
    const isSound = scalar.malformation === undefined;
    if (inner?.isAtName === true) inner.name = isSound ? scalar.text : '';
    else for (const place of this.#scalarPlaces) place.json = isSound ? scalar.json : undefined;
    this.#scalar = undefined;
    return to;
  }
}

function follow(inner: Container, byte: number): void {
  if (byte === COMMA) inner.index += 1;
  inner.isAtName = byte === COMMA && !inner.isArray;
}
