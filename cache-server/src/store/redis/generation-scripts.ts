/** The log of invalidations inside Redis, each step in one go. All keys share a slot. */
import type { Result } from 'ioredis';

// KEYS of all: head (hash: epoch, seq, bytes of all events ever, hard and soft of `all`, and which of the others exist), log (stream, one event
// at `seq-0`: `e`, and `b`, the bytes of all before it, so that nothing another version does to the log makes its size drift), buckets
// (hash: mode and bucket -> seq), prefixes (sorted set: mode and prefix by seq), none (never there). ARGV[1] of all: the name of a new epoch.
// A head that is missing, or one of the others, means that something was lost: a new epoch begins. The deletion of nothing is refused by
// a master that was demoted, whose log would not be the last word.
const OPEN = `
local function begin(epoch)
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', 0)
end
redis.call('DEL', KEYS[5])
local head = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'buckets', 'prefixes')
local lost = not head[1] or not head[2]
  or (head[2] ~= '0' and redis.call('EXISTS', KEYS[2]) == 0)
  or (head[3] and redis.call('EXISTS', KEYS[3]) == 0)
  or (head[4] and redis.call('EXISTS', KEYS[4]) == 0)
if lost then
  begin(ARGV[1])
  head = {ARGV[1], '0'}
end
`;

// Makes room before it adds. What goes is folded already. An event without `b` is of a former version, and nobody knows its size. Only so many
// go in one call, which may not take long; where the rest is too large still, the next call goes on.
//
// A first write that has no effect is refused when memory is full, and after another first write, the deletion, nothing is: a purge has to be
// taken also then, and what is kept is so much less that it gives back more than it takes.
//
// ARGV: new epoch, channel, events to keep, bytes to keep, the same while memory is full, prefixes to keep, then for each event: kind of mark
// (b bucket, x prefix, a all, n none), mode (h or s), bucket or prefix, the event. Returns: epoch, seq of the last.
const APPEND_EVENTS = `
local tried = redis.pcall('SETRANGE', KEYS[5], 0, '')
local isFull = type(tried) == 'table' and string.find(tried.err or '', 'OOM', 1, true) ~= nil
${OPEN}
local written = tonumber(redis.call('HGET', KEYS[1], 'bytes') or '0')
local function makeRoom(events, bytes)
  local eventsMax, bytesMax = tonumber(ARGV[3]), tonumber(isFull and ARGV[5] or ARGV[4])
  local length, dropped, from, count = redis.call('XLEN', KEYS[2]), 0, '-', 1
  local isOver = true
  while isOver and dropped < length and dropped < 1000 + events do
    local entries = redis.call('XRANGE', KEYS[2], from, '+', 'COUNT', count)
    if #entries == 0 then break end
    for _, entry in ipairs(entries) do
      local before = tonumber(entry[2][4])
      isOver = not before or written - before + bytes > bytesMax or length - dropped + events > eventsMax
      if not isOver then break end
      dropped = dropped + 1
      from = string.format('%.0f-0', string.match(entry[1], '^%d+') + 1)
    end
    count = 20
  end
  if dropped > 0 then redis.call('XTRIM', KEYS[2], 'MAXLEN', length - dropped) end
end
local bytes = 0
for i = 10, #ARGV, 4 do bytes = bytes + #ARGV[i] end
makeRoom((#ARGV - 6) / 4, bytes)
local seq = 0
for i = 7, #ARGV, 4 do
  seq = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'seq', 1))
  local mark, mode, what = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  redis.call('XADD', KEYS[2], seq .. '-0', 'e', ARGV[i + 3], 'b', string.format('%.0f', written))
  written = written + #ARGV[i + 3]
  if mark == 'a' then redis.call('HSET', KEYS[1], mode, seq)
  elseif mark == 'b' then
    redis.call('HSET', KEYS[3], mode .. what, seq)
    redis.call('HSET', KEYS[1], 'buckets', 1)
  elseif mark == 'x' then
    redis.call('ZADD', KEYS[4], seq, mode .. what)
    redis.call('HSET', KEYS[1], 'prefixes', 1)
    if redis.call('ZCARD', KEYS[4]) > tonumber(ARGV[6]) then
      local oldest = redis.call('ZPOPMIN', KEYS[4])
      local field = string.sub(oldest[1], 1, 1)
      if tonumber(redis.call('HGET', KEYS[1], field) or '0') < tonumber(oldest[2]) then
        redis.call('HSET', KEYS[1], field, oldest[2])
      end
    end
  end
end
redis.call('HSET', KEYS[1], 'bytes', string.format('%.0f', written))
redis.pcall('PUBLISH', ARGV[2], seq)
return {head[1], seq}
`;

// ARGV: new epoch, the reader's epoch, its seq, events and bytes of a page. Returns: epoch, seq, events and bytes of the log, and the event at
// the reader's seq and those after it as seq, event: two at least, where they are.
const READ_EVENTS = `${OPEN}
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local written = tonumber(redis.call('HGET', KEYS[1], 'bytes') or '0')
local size = first and written - (tonumber(first[2][4]) or 0) or 0
local page = {head[1], head[2], tostring(redis.call('XLEN', KEYS[2])), string.format('%.0f', size)}
if head[1] ~= ARGV[2] then return page end
local from, count, bytes = ARGV[3], 0, 0
repeat
  local entries = redis.call('XRANGE', KEYS[2], from .. '-0', '+', 'COUNT', 50)
  for _, entry in ipairs(entries) do
    local seq = string.match(entry[1], '^%d+')
    page[#page + 1] = seq
    page[#page + 1] = entry[2][2]
    from = string.format('%.0f', seq + 1)
    bytes = bytes + #entry[2][2]
  end
  count = count + #entries
until #entries < 50 or count >= tonumber(ARGV[4]) or bytes >= tonumber(ARGV[5])
return page
`;

// ARGV: new epoch. Returns: epoch, seq, hard and soft of all, buckets (mode and bucket, seq, ...), prefixes (mode and prefix, seq, ...), and
// the first event as seq, event.
const SNAPSHOT_EVENTS = `${OPEN}
local all = redis.call('HMGET', KEYS[1], 'h', 's')
local first = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)) do
  first = {string.match(entry[1], '^%d+'), entry[2][2]}
end
return {head[1], head[2], all[1] or '0', all[2] or '0', redis.call('HGETALL', KEYS[3]),
  redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES'), first}
`;

// ARGV: new epoch, the epoch that is to end, channel.
const RENEW_EPOCH = `${OPEN}
if head[1] == ARGV[2] then
  begin(ARGV[1])
  redis.pcall('PUBLISH', ARGV[3], 0)
end
return 1
`;

/** As commands of the client. */
export const generationScripts = {
  appendEvents: { lua: APPEND_EVENTS, numberOfKeys: 5 },
  readEvents: { lua: READ_EVENTS, numberOfKeys: 5 },
  snapshotEvents: { lua: SNAPSHOT_EVENTS, numberOfKeys: 5 },
  renewEpoch: { lua: RENEW_EPOCH, numberOfKeys: 5 },
};

/** Head, log, buckets, prefixes, none. */
export type GenerationKeys = readonly [string, string, string, string, string];

/** What {@link SNAPSHOT_EVENTS} returns. */
export type SnapshotReply = [
  epoch: string,
  sequence: string,
  hard: string,
  soft: string,
  buckets: string[],
  prefixes: string[],
  first: string[],
];

type Args = [...keys: GenerationKeys, newEpoch: string, ...(string | number)[]];

declare module 'ioredis' {
  interface RedisCommander<Context> {
    appendEvents(...args: Args): Result<[epoch: string, sequence: string], Context>;
    readEvents(...args: Args): Result<string[], Context>;
    snapshotEvents(...args: Args): Result<SnapshotReply, Context>;
    renewEpoch(...args: Args): Result<number, Context>;
  }
}
