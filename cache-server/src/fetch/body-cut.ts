/** The beginning of a body, for who needs no more of it. */
import type { BodyPart } from '../entry/entry-answer.ts';
import { partBytes } from '../entry/whole-body.ts';

/** So many bytes of a body; the rest is not read. Stored partitions pass as they are, but for the last one. */
export async function* firstBytes(
  parts: AsyncIterable<BodyPart>,
  bytes: number,
): AsyncGenerator<BodyPart, void, undefined> {
  let left = bytes;
  for await (const part of parts) {
    const length = part.kind === 'raw' ? part.bytes.byteLength : part.bodyBytes;
    if (length <= left) yield part;
    else yield { kind: 'raw', bytes: (await partBytes(part)).subarray(0, left) };
    left -= Math.min(length, left);
    if (left === 0) return;
  }
}
