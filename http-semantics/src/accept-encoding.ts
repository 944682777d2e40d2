import { trimOws } from './headers.ts';

/** https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2 */
const WEIGHT = /^[ \t]*;[ \t]*[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*$/;

/**
 * The one content coding that shared fetches ask for on behalf of this client: `gzip` when it surely takes it, else `identity`.
 * Two values instead of the hundreds that clients send, so that one entry serves them all.
 * https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
 *
 * @param value the combined field; absent or garbled means `identity`
 */
export function normaliseAcceptEncoding(value: string | undefined): 'gzip' | 'identity' {
  const weights = new Map<string, number>();
  for (const member of (value ?? '').split(',')) {
    const [coding = ''] = member.split(';', 1);
    const name = trimOws(coding).toLowerCase();
    weights.set(name === 'x-gzip' ? 'gzip' : name, weightOf(member.slice(coding.length)));
  }
  const gzip = weights.get('gzip') ?? weights.get('*') ?? 0;
  const identity = weights.get('identity') ?? 0;
  return gzip > 0 && gzip >= identity ? 'gzip' : 'identity';
}

/** A weight that cannot be read counts as a refusal. */
function weightOf(parameters: string): number {
  if (trimOws(parameters) === '') return 1;
  const match = WEIGHT.exec(parameters);
  return match === null ? 0 : Number(match[1]);
}
