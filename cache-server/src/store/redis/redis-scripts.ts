/** What has to happen in one step inside Redis. Each script touches one key, so that it runs in a cluster as well. */
import type { Result } from 'ioredis';
import { generationScripts } from './generation-scripts.ts';
import { leaseScripts } from './lease-scripts.ts';
import { janitorScripts } from './janitor-scripts.ts';
import { upstreamSlotScripts } from './upstream-slot-scripts.ts';

// ARGV: version, manifest, time to live in ms, 1 to compare or 2 to write only where there is none, the version to compare with, the
// fence or '': one that is older than that of a former write is refused, and a write without one leaves that there; the latest second that
// a fence may be of, since one from a clock that was far ahead would refuse every write until that time has come.
// HSET comes before PEXPIRE and may be refused for want of memory: the old manifest then stays with its old time to live.
const WRITE_MANIFEST = `
if ARGV[4] == '1' and redis.call('HGET', KEYS[1], 'v') ~= ARGV[5] then return 0 end
if ARGV[4] == '2' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
if ARGV[6] ~= '' then
  local fence = redis.call('HGET', KEYS[1], 'f')
  if fence and fence > ARGV[6] and (tonumber(string.sub(fence, 1, 10)) or 0) <= tonumber(ARGV[7]) then return 0 end
  redis.call('HSET', KEYS[1], 'v', ARGV[1], 'm', ARGV[2], 'f', ARGV[6])
else
  redis.call('HSET', KEYS[1], 'v', ARGV[1], 'm', ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`;

// ARGV: the version to compare with.
const REMOVE_MANIFEST = `
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])
`;

// ARGV: time to live in ms. PEXPIRE GT cannot stand here: it answers 0 both for a key that is missing and for one that lives
// longer already, and it never gives a time to live to a key that has none.
const EXTEND_FRAME = `
local left = redis.call('PTTL', KEYS[1])
if left == -2 then return 0 end
if left < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1
`;

// ARGV: the grace in ms; what is left in ms of one that was extended a grace ago. One that has more was extended since, by who may be about to
// name it.
const RELEASE_FRAME = `
local left = redis.call('PTTL', KEYS[1])
if left == -1 or (left > tonumber(ARGV[1]) and left <= tonumber(ARGV[2])) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1
`;

/** The scripts as commands of the client, which sends their hash and falls back to their text on NOSCRIPT. */
export const redisScripts = {
  writeManifest: { lua: WRITE_MANIFEST, numberOfKeys: 1 },
  removeManifest: { lua: REMOVE_MANIFEST, numberOfKeys: 1 },
  extendFrame: { lua: EXTEND_FRAME, numberOfKeys: 1 },
  releaseFrame: { lua: RELEASE_FRAME, numberOfKeys: 1 },
  ...generationScripts,
  ...leaseScripts,
  ...janitorScripts,
  ...upstreamSlotScripts,
};

declare module 'ioredis' {
  interface RedisCommander<Context> {
    writeManifest(key: string, ...args: (string | number | Buffer)[]): Result<number, Context>;
    removeManifest(key: string, version: string): Result<number, Context>;
    extendFrame(key: string, ttlMs: number): Result<number, Context>;
    releaseFrame(key: string, graceMs: number, leftMsMax: number): Result<number, Context>;
  }
}
