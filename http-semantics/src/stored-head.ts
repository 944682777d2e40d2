import type { HeaderList } from './headers.ts';

/** What is kept of a response besides its body; a manifest has these fields. Times in milliseconds since 1970. */
export type StoredHead = {
  readonly status: number;
  readonly headers: HeaderList;
  /** When the request that this answers was sent: https://www.rfc-editor.org/rfc/rfc9111#section-4.2.3 */
  readonly requestTimeMs: number;
  /** When its head arrived. */
  readonly responseTimeMs: number;
};
