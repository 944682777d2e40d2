import { createCipheriv, createHash } from 'node:crypto';
import type { Body } from './body.ts';
import { createRecordTemplate, recordBytes, stampRecord, templateBytes } from './generated-records.ts';

/** `json`: an array of records with running ids, compressible. `random`: bytes that no codec makes smaller. */
export type GeneratedType = 'json' | 'random';

/** A multiple of the record and of the cipher's block, and a divisor of the template. */
const blockBytes = 256 * 1024;
const cipherBlockBytes = 16;
const zeros = Buffer.alloc(blockBytes);

/** A body whose block k is a pure function of k, so that any range costs only its own blocks. */
function blockwiseBody(byteLength: number, block: (start: number) => Buffer): Body {
  return {
    byteLength,
    *chunks(from, to) {
      for (let at = from; at < to;) {
        const start = at - (at % blockBytes);
        yield block(start).subarray(at - start, Math.min(to - start, blockBytes));
        at = start + blockBytes;
      }
    },
  };
}

/** The AES-CTR key stream of the seed: random access by counter, at the speed of the processor's AES. */
function randomBody(byteLength: number, seed: number): Body {
  const key = createHash('sha256').update(`pannier example upstream ${seed}`).digest().subarray(0, 16);
  return blockwiseBody(byteLength, (start) => {
    const counter = Buffer.alloc(cipherBlockBytes);
    counter.writeBigUInt64BE(BigInt(start / cipherBlockBytes), 8);
    return createCipheriv('aes-128-ctr', key, counter).update(zeros);
  });
}

/**
 * `[record,record,…   ]`: whole records, then spaces up to the exact length. Each record carries its own comma in
 * front, the first one the bracket instead, so every record has the same width and place is arithmetic.
 */
function jsonBody(byteLength: number, seed: number): Body {
  if (byteLength < 2) return blockwiseBody(byteLength, () => Buffer.from('0'));
  const template = createRecordTemplate(seed);
  const recordsEnd = Math.floor((byteLength - 1) / recordBytes) * recordBytes;
  return blockwiseBody(byteLength, (start) => {
    const block = Buffer.allocUnsafeSlow(blockBytes);
    template.copy(block, 0, start % templateBytes, (start % templateBytes) + blockBytes);
    for (let at = 0; at < blockBytes; at += recordBytes) stampRecord(block, at, (start + at) / recordBytes);
    if (recordsEnd < start + blockBytes) block.fill(' ', Math.max(0, recordsEnd - start));
    if (start === 0) block.write('[');
    if (byteLength <= start + blockBytes) block.write(']', byteLength - 1 - start);
    return block;
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
