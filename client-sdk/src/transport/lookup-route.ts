/**
 * To which servers a lookup goes, and in which order: rendezvous hashing with bounded loads (https://arxiv.org/abs/1608.01350). All callers
 * send a URL to the same server, so that they meet at one flight and at one memory tier; a server that has more than its share leaves the
 * rest to the next in the URL's own order, so that a hot key spreads over two or three servers and the same ones for everybody.
 */
import { rankServers } from './server-ranking.ts';

/** A server as a lookup sees it. */
export interface RoutedServer {
  /** `host:port` */
  readonly server: string;
  /** False while it is silent or draining. */
  readonly usable: boolean;
  /** Lookups without an answer. */
  readonly lookups: number;
  /** False when one more lookup would have to wait for a credit. */
  readonly hasCredit: boolean;
}

/** A server may have so many times the average under way. */
const SHARE_MAX = 1.25;
/** So many lookups under way are no load: spreading them would only cost flights that nobody shares. */
export const LOOKUPS_UNBOUNDED = 64;

/**
 * The usable servers, those that may take one more lookup first; each part in the order of the URL. Behind them stand the
 * overloaded ones: a lookup that must move, because its server fell silent, is better off in a queue than nowhere.
 */
export function routeLookup<S extends RoutedServer>(servers: readonly S[], url: string): readonly S[] {
  const usable = servers.filter((server) => server.usable);
  const bound = lookupsMax(usable);
  const ranked = rankServers(usable, url);
  const [first] = ranked;
  // By far the most common case.
  if (first === undefined || hasRoom(first, bound)) return ranked;
  return [
    ...ranked.filter((server) => hasRoom(server, bound)),
    ...ranked.filter((server) => !hasRoom(server, bound)),
  ];
}

/** What one server may have under way when one more lookup has come. */
export function lookupsMax(servers: readonly RoutedServer[]): number {
  let all = 1;
  for (const { lookups } of servers) all += lookups;
  return Math.max(LOOKUPS_UNBOUNDED, Math.ceil((SHARE_MAX * all) / servers.length));
}

function hasRoom({ lookups, hasCredit }: RoutedServer, bound: number): boolean {
  return hasCredit && lookups < bound;
}
