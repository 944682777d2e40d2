/** Codings whose bytes are not the content's: https://www.rfc-editor.org/rfc/rfc9112#section-7.2 */
const KNOWN: ReadonlySet<string> = new Set(['gzip', 'x-gzip', 'compress', 'x-compress', 'deflate']);

/**
 * Why a response with these Transfer-Encoding lines cannot be passed on, in words. What is passed on is framed anew, so that a coding
 * beside `chunked` would be lost and its bytes taken for the content.
 *
 * @param closeDelimited `rfc` takes a body in a coding that nobody knows for what the connection's end delimits, as
 *   https://www.rfc-editor.org/rfc/rfc9112#section-6.3 has it
 */
export function transferCodingFault(
  lines: readonly string[],
  closeDelimited: 'relay' | 'rfc',
): string | undefined {
  const [coding = ''] = lines.map((line) => line.trim().toLowerCase());
  if (lines.length === 0 || (lines.length === 1 && coding === 'chunked')) return undefined;
  const isOneUnknown = lines.length === 1 && /^[a-z]+$/.test(coding) && !KNOWN.has(coding);
  if (isOneUnknown && !coding.includes('chunked') && closeDelimited === 'rfc') return undefined;
  return 'it sends a transfer coding that is not known here';
}
