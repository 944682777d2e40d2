/** What can go wrong in a mesh at any moment, and how it comes back. */
import type { Mesh } from '../fixture/mesh.ts';

/** Something that can be hit. Who is down is not hit again before it is back. */
export interface Victim {
  readonly name: string;
  /** How often it is chosen, compared with the others. */
  readonly weight: number;
  /** The longest time that it stays away, in milliseconds. */
  readonly awayMsMax: number;
  readonly hit: () => Promise<unknown> | void;
  readonly comeBack: () => Promise<unknown> | void;
}

function serverVictims(mesh: Mesh, server: number): Victim[] {
  return [
    {
      name: `server ${server} killed`,
      weight: 4,
      awayMsMax: 1000,
      hit: async () => await mesh.kill9(server),
      comeBack: async () => await mesh.restart(server),
    },
    {
      // Longer than a lease: what it does when it goes on is a dead leader's.
      name: `server ${server} hangs`,
      weight: 1,
      awayMsMax: 5000,
      hit: async () => await mesh.stop(server),
      comeBack: () => mesh.cont(server),
    },
    {
      name: `connections of proxies to server ${server} cut`,
      weight: 3,
      awayMsMax: 0,
      hit: () => mesh.cut(server),
      comeBack: () => undefined,
    },
  ];
}

/** All of a mesh with links and a Redis. */
export function victimsOf(mesh: Mesh): Victim[] {
  const { redis } = mesh;
  if (redis === undefined) throw new Error('chaos needs a Redis');
  return [
    ...mesh.servers.flatMap((_, server) => serverVictims(mesh, server)),
    {
      name: 'Redis killed, and empty when it is back',
      weight: 3,
      awayMsMax: 1500,
      hit: async () => await redis.kill9(),
      comeBack: async () => await redis.restart(),
    },
    {
      name: 'Redis hangs',
      weight: 2,
      awayMsMax: 2500,
      hit: async () => await redis.pause(),
      comeBack: () => redis.resume(),
    },
    {
      name: 'connections to Redis cut',
      weight: 3,
      awayMsMax: 0,
      hit: async () => {
        for (const type of ['normal', 'pubsub']) await redis.command('CLIENT', 'KILL', 'TYPE', type);
      },
      comeBack: () => undefined,
    },
  ];
}

/** Whom a hit makes unavailable: two victims of one process exclude each other. */
export function partOf({ name }: Victim): string {
  return /^(?:connections of proxies to )?(server \d+)/.exec(name)?.[1] ?? 'Redis';
}
