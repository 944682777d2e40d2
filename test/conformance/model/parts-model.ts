/** Parts of a response: what is known of the whole, and when two of them belong together. From RFC 9110 and RFC 9111 section 3.4 alone. */
import type { ResponseHead } from './wire-head.ts';

/** Stands for a byte that has not been seen; no content has it. */
const UNSEEN = '\0';

/** The whole as far as a part shows it. */
export function shownBy(content: string, { first, of }: { first: number; of: number }): string {
  return UNSEEN.repeat(first) + content + UNSEEN.repeat(of - first - content.length);
}

/** Whether bytes of the whole have not been seen. */
export function hasUnseen(content: string): boolean {
  return content.includes(UNSEEN);
}

/** To be read by people. */
export function readable(content: string): string {
  return content.replaceAll(UNSEEN, '?');
}

/** What two contents of one length show together. */
export function together(one: string, other: string): string {
  return one.replaceAll(UNSEEN, (_, at: number) => other[at] ?? UNSEEN);
}

/** Proves that bytes are the same: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.1 */
export function strongValidatorOf({ etag, lastModified, date }: ResponseHead): string | undefined {
  if (etag !== undefined) return etag.startsWith('W/') ? undefined : etag;
  const isStrong = lastModified !== undefined && date !== undefined && date - lastModified >= 60_000;
  return isStrong ? String(lastModified) : undefined;
}
