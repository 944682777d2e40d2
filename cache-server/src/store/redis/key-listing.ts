/** A page of the keys in Redis, by SCAN: it walks over every name in the database, so it is for operators only. */

/** A part of the walk: the cursor that comes next ('0' at the end), and what was found. */
export type ScanStep = (cursor: string, count: number) => Promise<[cursor: string, names: string[]]>;

/** How many names one step looks at, and how many steps one page takes at most; a page may be short, even empty, before the end. */
const STEP_NAMES_MAX = 1_000;
const PAGE_STEPS_MAX = 50;

/**
 * Walks on from a cursor ('' at first and at the end). What is there during the whole walk is found, perhaps twice. A page holds
 * at most `limit` names, unless one bucket of Redis's hash table alone holds more.
 */
export async function scanPage(
  step: ScanStep,
  page: { cursor: string; limit: number },
): Promise<{ names: string[]; cursor: string }> {
  const names = new Set<string>();
  let cursor = page.cursor === '' ? '0' : page.cursor;
  let count = STEP_NAMES_MAX;
  for (let steps = 0; steps < PAGE_STEPS_MAX; steps += 1) {
    const [next, found] = await step(cursor, count);
    if (names.size + found.length > page.limit) {
      // A cursor is worth the same whatever the count was: a narrower step from here ends where the page does.
      if (count > 1) {
        count = Math.ceil(count / 4);
        continue;
      }
      if (names.size > 0) break;
    }
    for (const name of found) names.add(name);
    cursor = next;
    if (cursor === '0') return { names: [...names], cursor: '' };
    if (names.size >= page.limit) break;
  }
  return { names: [...names], cursor };
}
