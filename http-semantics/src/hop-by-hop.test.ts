import { expect, test } from 'vitest';
import { withoutHopByHop } from './hop-by-hop.ts';

test('connection-specific fields go, and so does what Connection names', () => {
  const kept = withoutHopByHop([
    ['Connection', 'close, X-Debug'],
    ['Connection', 'x-trace'],
    ['Keep-Alive', 'timeout=5'],
    ['Proxy-Authorization', 'Basic x'],
    ['Proxy-Connection', 'keep-alive'],
    ['TE', 'trailers'],
    ['Trailer', 'Expires'],
    ['Transfer-Encoding', 'chunked'],
    ['Upgrade', 'h2c'],
    ['X-Debug', '1'],
    ['X-Trace', '1'],
    ['X-Kept', '1'],
  ]);
  expect(kept).toEqual([['X-Kept', '1']]);
});

test('Connection cannot strip framing, credentials or what forbids sharing', () => {
  const protectedFields = [
    'Content-Length',
    'Host',
    'Authorization',
    'Cookie',
    'Set-Cookie',
    'Cache-Control',
    'Vary',
    'Range',
  ];
  const head = protectedFields.map((name) => [name, 'x'] as const);
  expect(withoutHopByHop([['Connection', protectedFields.join(', ')], ...head])).toEqual(head);
});
