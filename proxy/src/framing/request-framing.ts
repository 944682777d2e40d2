/** Whether a request's form leaves room for two readings. Pure; the only place that decides it. */
import { bodyFault, hasBody } from './body-framing.ts';
import { fieldFault, hostFault, requestLineFault } from './head-lines.ts';
import { refusal } from './refusal.ts';
import type { Refusal } from './refusal.ts';
import { fieldLines } from './request-head.ts';
import type { RequestHead } from './request-head.ts';

/**
 * Looks at a head as Node's parser hands it over. What the parser itself refuses (bare line ends, folds, bad chunks) never comes here.
 *
 * @param takesOver whether the request would turn its connection into something else: CONNECT, or an upgrade
 */
export function framingFault(request: RequestHead, takesOver: boolean): Refusal | undefined {
  return (
    requestLineFault(request) ??
    fieldFault(request) ??
    hostFault(request) ??
    bodyFault(request) ??
    contentFault(request, takesOver) ??
    expectationFault(request)
  );
}

/** GET and HEAD with a body pass: some APIs search that way. They are never cached, and have a connection to the upstream for themselves. */
function contentFault(request: RequestHead, takesOver: boolean): Refusal | undefined {
  // The bytes behind it would be frames to one reader and content to another: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6-9
  if (takesOver && hasBody(request)) return refusal('a request that takes the connection over has no body');
  // https://www.rfc-editor.org/rfc/rfc9110#section-9.3.8-3
  if (request.method === 'TRACE' && hasBody(request)) return refusal('TRACE has no body');
  return undefined;
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1; HTTP/1.0 does not know the field. */
function expectationFault(request: RequestHead): Refusal | undefined {
  const expectations = fieldLines(request, 'expect');
  if (expectations.length === 0 || request.httpVersion === '1.0') return undefined;
  if (expectations.length === 1 && expectations[0]?.toLowerCase() === '100-continue') return undefined;
  return refusal('Expect knows 100-continue only', 417);
}
