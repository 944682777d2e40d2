import { createCipheriv, createHash } from 'node:crypto';
import { type Body, bufferBody } from './body.ts';
import { createRecordTemplate, recordBytes, stampRecord, templateBytes } from './generated-records.ts';

/** `json`: an array of records with running ids, compressible. `random`: bytes that no codec makes smaller. */
export type GeneratedType = 'json' | 'random';

/** A multiple of the record and of the cipher's block, and a divisor of the template. */
const blockBytes = 256 * 1024;
const cipherBlockBytes = 16;
const zeros = Buffer.alloc(blockBytes);

/** Makes the bytes `[start, end)`, where `start` is a multiple of {@link blockBytes} and `end` lies in the same block. */
type BlockMaker = (start: number, end: number) => Buffer;

/** A body whose blocks are pure functions of their place, so that any range costs only its own blocks. */
function blockwiseBody(byteLength: number, openMaker: () => BlockMaker): Body {
  return {
    byteLength,
    *chunks(from, to) {
      const makeBlock = openMaker();
      for (let at = from; at < to;) {
        const start = at - (at % blockBytes);
        const end = Math.min(start + blockBytes, to);
        yield makeBlock(start, end).subarray(at - start, end - start);
        at = end;
      }
    },
  };
}

/** The AES-CTR key stream of the seed: random access by counter, at the speed of the processor's AES. */
function randomBody(byteLength: number, seed: number): Body {
  const key = createHash('sha256').update(`pannier example upstream ${seed}`).digest().subarray(0, 16);
  return blockwiseBody(byteLength, () => (start, end) => {
    const counter = Buffer.alloc(cipherBlockBytes);
    counter.writeBigUInt64BE(BigInt(start / cipherBlockBytes), 8);
    return createCipheriv('aes-128-ctr', key, counter).update(zeros.subarray(0, end - start));
  });
}

/**
 * `[record,record,…   ]`: whole records, then spaces up to the exact length. Each record carries its own comma in
 * front, the first one the bracket instead, so every record has the same width and its place is arithmetic.
 */
function jsonBody(byteLength: number, seed: number): Body {
  // No array is that short; a lone digit is JSON too.
  if (byteLength < 2) return bufferBody(Buffer.from('0'.repeat(byteLength)));
  const recordsEnd = byteLength - 1 - ((byteLength - 1) % recordBytes);
  return blockwiseBody(byteLength, () => {
    const template = createRecordTemplate(seed);
    // One buffer for all blocks: a fresh one for each costs more than everything that is written into it.
    const block = Buffer.allocUnsafeSlow(Math.min(blockBytes, byteLength + recordBytes));
    return (start, end) => {
      const stampedTo = Math.min(end, recordsEnd);
      template.copy(block, 0, start % templateBytes, (start % templateBytes) + blockBytes);
      for (let at = start; at < stampedTo; at += recordBytes)
        stampRecord(block, at - start, at / recordBytes);
      if (end > recordsEnd) block.fill(' ', Math.max(0, recordsEnd - start));
      if (start === 0) block.write('[');
      if (end === byteLength) block.write(']', byteLength - 1 - start);
      return block;
    };
  });
}

/**
 * A deterministic body of exactly so many bytes that is never held: the same arguments give the same bytes in every
 * process. No two blocks are alike, so content addressing finds nothing to share.
 * @param seed whole number from 0 to 2^32 - 1
 */
export function generatedBody(byteLength: number, seed: number, type: GeneratedType): Body {
  return type === 'json' ? jsonBody(byteLength, seed) : randomBody(byteLength, seed);
}
