/** Whose turn it is to clean up, decided inside Redis. */
import type { Result } from 'ioredis';

// ARGV: holder, milliseconds. Returns 1 for whoever has the turn now.
const TAKE_TURN = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`;

// ARGV: holder.
const END_TURN = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
`;

/** The scripts as commands of the client. */
export const janitorScripts = {
  takeJanitorTurn: { lua: TAKE_TURN, numberOfKeys: 1 },
  endJanitorTurn: { lua: END_TURN, numberOfKeys: 1 },
};

declare module 'ioredis' {
  interface RedisCommander<Context> {
    takeJanitorTurn(key: string, holder: string, forMs: number): Result<number, Context>;
    endJanitorTurn(key: string, holder: string): Result<number, Context>;
  }
}
