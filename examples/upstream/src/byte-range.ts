/** Bytes `[from, to)` of a body. */
export interface ByteRange {
  from: number;
  to: number;
}

/**
 * Reads a Range field against a body (RFC 9110 §14.1.2).
 * @returns the range; `unsatisfiable` (answer 416); or undefined when the field is to be ignored: another unit,
 * bad syntax, or several ranges, which §14.2 lets a server answer whole
 */
export function readRange(
  field: string | undefined,
  byteLength: number,
): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(field ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const suffixBytes = Math.min(Number(last), byteLength);
    return suffixBytes === 0 ? 'unsatisfiable' : { from: byteLength - suffixBytes, to: byteLength };
  }
  if (last !== '' && Number(last) < Number(first)) return undefined;
  if (Number(first) >= byteLength) return 'unsatisfiable';
  return { from: Number(first), to: last === '' ? byteLength : Math.min(Number(last) + 1, byteLength) };
}
