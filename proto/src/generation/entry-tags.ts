/** The tags of a response: what its upstream calls it by, to invalidate it together with others. */

const NOT_ASCII = /[\u0080-\u00ff]/;

/**
 * Tags in `Surrogate-Key`, between spaces, and in `Cache-Tag`, between commas. A header holds bytes, one for each character; a tag that is not
 * ASCII is given as they stand and as UTF-8, so that whoever writes it either way finds it.
 */
export function entryTags(headers: readonly (readonly [name: string, value: string])[]): string[] {
  const tags: string[] = [];
  for (const [name, value] of headers) {
    const field = name.toLowerCase();
    if (field === 'surrogate-key') tags.push(...value.split(/[ \t]+/));
    else if (field === 'cache-tag') tags.push(...value.split(',').map((tag) => tag.trim()));
  }
  return tags.filter((tag) => tag !== '').flatMap((tag) => (NOT_ASCII.test(tag) ? [tag, utf8(tag)] : [tag]));
}

function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
