/** JSON Pointer: https://www.rfc-editor.org/rfc/rfc6901 */

/** Names and indices from the outermost to the innermost; none for the whole document. */
export function pointerTokens(pointer: string): string[] {
  // `~1` first, so that `~01` is `~1` and not `/`: RFC 6901 §4.
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What stands at a JSON Pointer; undefined where nothing does. */
export function pointerValue(document: unknown, pointer: string): unknown {
  let value = document;
  for (const token of pointerTokens(pointer)) {
    // Own enumerable names only: `length` is no element of an array.
    if (typeof value !== 'object' || value === null) return undefined;
    if (!Object.prototype.propertyIsEnumerable.call(value, token)) return undefined;
    value = (value as Record<string, unknown>)[token];
  }
  return value;
}
