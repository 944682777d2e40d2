/** In which order servers are asked for a request: the same everywhere, so that callers of one URL meet at one replica's flight. */

/** FNV-1a, 32 bits. */
function hash(text: string, seed = 0x811c9dc5): number {
  let value = seed;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value;
}

/** Spreads the last characters' influence over all bits, or servers that differ in one digit would rank alike. */
function spread(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Highest random weight first; when a server goes, only its own requests move. */
export function rankServers<S extends { readonly server: string }>(
  servers: readonly S[],
  subject: string,
): readonly S[] {
  if (servers.length < 2) return servers;
  const seed = hash(subject);
  const weighed = servers.map((server) => ({ server, weight: spread(hash(server.server, seed)) }));
  return weighed.toSorted((a, b) => b.weight - a.weight).map(({ server }) => server);
}
