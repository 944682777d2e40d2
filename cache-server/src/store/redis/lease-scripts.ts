/** Leases and the records of flights, each step in one go inside Redis, by the time of Redis alone. The keys of one name share a slot. */
import type { Result } from 'ioredis';

// A lease is a hash: its token, and `a` once its upstream has answered.
// ARGV: random, ms. Returns: 1 when it was taken, the token that holds it, 1 when its upstream has answered.
const TAKE_LEASE = `
local held = redis.call('HMGET', KEYS[1], 't', 'a')
if held[1] then return {0, held[1], held[2] and 1 or 0} end
local clock = redis.call('TIME')
local token = string.format('%010d%06d-%s', tonumber(clock[1]), tonumber(clock[2]), ARGV[1])
redis.call('HSET', KEYS[1], 't', token)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, token, 0}
`;

// ARGV: token, ms.
const RENEW_LEASE = `
if redis.call('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

// KEYS: lease, records. ARGV: token, channel, ms that the records have left.
const RELEASE_LEASE = `
if redis.call('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.pcall('PUBLISH', ARGV[2], '')
return 1
`;

// Gives up what a take with this random has taken, if it has: its caller was not told.
// KEYS: lease. ARGV: random, channel.
const FORGO_LEASE = `
local held = redis.call('HGET', KEYS[1], 't')
if not held or string.sub(held, -#ARGV[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[2], '')
return 1
`;

// KEYS: lease, records. ARGV: token, ms of the lease, ms of the records, 1 when the upstream has answered, channel, then the records. One
// that is refused for want of memory leaves those before it, with a time to live; telling them twice does no harm.
const APPEND_RECORDS = `
if redis.call('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
for i = 6, #ARGV do
  redis.call('XADD', KEYS[2], '*', 'r', ARGV[i])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
if ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'a', '1') end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.pcall('PUBLISH', ARGV[5], '')
return 1
`;

// KEYS: lease, records. ARGV: start of the range, how many. Returns: the token that holds the lease or '', then of each record its id and bytes.
const READ_RECORDS = `
local page = {redis.call('HGET', KEYS[1], 't') or ''}
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], ARGV[1], '+', 'COUNT', ARGV[2])) do
  page[#page + 1] = entry[1]
  page[#page + 1] = entry[2][2]
end
return page
`;

/** As commands of the client. */
export const leaseScripts = {
  takeLease: { lua: TAKE_LEASE, numberOfKeys: 1 },
  renewLease: { lua: RENEW_LEASE, numberOfKeys: 1 },
  releaseLease: { lua: RELEASE_LEASE, numberOfKeys: 2 },
  forgoLease: { lua: FORGO_LEASE, numberOfKeys: 1 },
  appendRecords: { lua: APPEND_RECORDS, numberOfKeys: 2 },
  readRecords: { lua: READ_RECORDS, numberOfKeys: 2 },
};

declare module 'ioredis' {
  interface RedisCommander<Context> {
    takeLease(
      lease: string,
      random: string,
      ttlMs: number,
    ): Result<[taken: number, token: string, isAnswered: number], Context>;
    renewLease(lease: string, token: string, ttlMs: number): Result<number, Context>;
    releaseLease(
      ...args: [lease: string, records: string, token: string, channel: string, leftMs: number]
    ): Result<number, Context>;
    forgoLease(lease: string, random: string, channel: string): Result<number, Context>;
    appendRecords(
      lease: string,
      records: string,
      ...args: (string | number | Buffer)[]
    ): Result<number, Context>;
    readRecordsBuffer(
      lease: string,
      records: string,
      ...range: [from: string, count: number]
    ): Result<Buffer[], Context>;
  }
}
