/** Codings that the demo can send; `identity` is the body as it is. */
export type Coding = 'identity' | 'gzip' | 'br';

/** In order of preference where the client has none. */
const offered: readonly Coding[] = ['br', 'gzip', 'identity'];

function weights(field: string): Map<string, number> {
  const weightByCoding = new Map<string, number>();
  for (const member of field.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = member.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    if (coding !== '') weightByCoding.set(coding, weight === undefined ? 1 : Number(weight) || 0);
  }
  return weightByCoding;
}

/**
 * Chooses a coding by Accept-Encoding (RFC 9110 §12.5.3). A client that refuses everything gets `identity`:
 * the RFC lets a server answer so, and a cache in between copes better than with a 406.
 */
export function negotiateCoding(acceptEncoding: string | undefined): Coding {
  if (acceptEncoding === undefined) return 'identity';
  const asked = weights(acceptEncoding);
  // Unlisted, identity is acceptable but no wish: any coding that is asked for goes before it.
  const weightOf = (coding: Coding): number =>
    asked.get(coding) ?? asked.get('*') ?? (coding === 'identity' ? Number.EPSILON : 0);
  const [first = 'identity', ...others] = offered.filter((coding) => weightOf(coding) > 0);
  return others.reduce((best, coding) => (weightOf(coding) > weightOf(best) ? coding : best), first);
}
