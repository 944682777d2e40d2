/** https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3 in latin1 */
const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;
const NEXT_IN_LIST = /[ \t,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|$)/y;

/** Whether the value is exactly one entity tag, weak or strong. */
export function isEntityTag(value: string): boolean {
  return ENTITY_TAG.test(value);
}

/** Whether equal tags of this kind mean equal bytes: the condition for resuming a body with Range and If-Range. */
export function isStrongEtag(value: string | undefined): boolean {
  return value !== undefined && isEntityTag(value) && !value.startsWith('W/');
}

/** Weak comparison, for which `W/"a"` equals `"a"`: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3.2 */
export function weaklyEqual(a: string, b: string): boolean {
  return isEntityTag(a) && isEntityTag(b) && opaqueTag(a) === opaqueTag(b);
}

/** The tags of an If-None-Match list up to the first piece of garbage; tags may contain commas. */
export function parseEntityTags(list: string): string[] {
  const tags: string[] = [];
  NEXT_IN_LIST.lastIndex = 0;
  for (let match = NEXT_IN_LIST.exec(list); match !== null; match = NEXT_IN_LIST.exec(list))
    tags.push(match[1] ?? '');
  return tags;
}

function opaqueTag(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}

/** Whether a list of entity tags, as in If-None-Match, holds one by weak comparison; `*` holds every one. */
export function matchesAnyTag(list: string, tag: string): boolean {
  return list.trim() === '*' || parseEntityTags(list).some((one) => weaklyEqual(one, tag));
}
