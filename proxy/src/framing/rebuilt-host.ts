import type { IncomingMessage } from 'node:http';
import { readAbsoluteForm } from '../interception/forward.ts';

/**
 * Puts the target's authority in the place of what Host says, so that nobody behind this can believe the other one of the two. A
 * proxy must: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2-8. Expects a request that {@link framingFault} found no fault with.
 */
export function rebuildHost({ url = '', rawHeaders, headers }: IncomingMessage): void {
  if (url.startsWith('/') || url === '*') return;
  const { authority } = readAbsoluteForm(url);
  const at = rawHeaders.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'host');
  if (at !== -1) rawHeaders[at + 1] = authority;
  headers.host = authority;
}
