/** Whether bytes that arrive in chunks are UTF-8, for parsers that would put U+FFFD in the place of what is not. */
import { isUtf8 } from 'node:buffer';

/** What may be handed on, and where the document stops being UTF-8, if it does. */
export interface GuardedBytes {
  readonly valid: Buffer;
  readonly invalidAt: number | undefined;
}

const NOTHING = Buffer.alloc(0);

/** One document's. */
export class Utf8Guard {
  /** A character that is not whole. */
  #rest: Buffer = NOTHING;
  #offset = 0;

  push(chunk: Buffer): GuardedBytes {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const whole = data.subarray(0, data.length - unfinishedBytes(data));
    if (!isUtf8(whole)) {
      const at = firstInvalid(whole);
      return { valid: whole.subarray(0, at), invalidAt: this.#offset + at };
    }
    this.#rest = Buffer.from(data.subarray(whole.length));
    this.#offset += whole.length;
    return { valid: whole, invalidAt: undefined };
  }

  end(): GuardedBytes {
    return { valid: NOTHING, invalidAt: this.#rest.length === 0 ? undefined : this.#offset };
  }
}

/** Bytes of a character, by its first one: RFC 3629 §3. What is none counts as one. */
function characterBytes(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

/** Bytes at the end that begin a character and do not end it. */
function unfinishedBytes(data: Buffer): number {
  for (let back = 1; back <= Math.min(3, data.length); back += 1) {
    const byte = data[data.length - back] ?? 0;
    if (byte >= 0xc0) return characterBytes(byte) > back ? back : 0;
    if (byte < 0x80) return 0;
  }
  return 0;
}

function firstInvalid(bytes: Buffer): number {
  let at = 0;
  for (;;) {
    const end = at + characterBytes(bytes[at] ?? 0);
    if (end > bytes.length || !isUtf8(bytes.subarray(at, end))) return at;
    at = end;
  }
}
