/** How servers protect upstreams together, each step in one go inside Redis, by the time of Redis alone. */
import type { Result } from 'ioredis';

// A server's field is `running|ends|since|claims`: its fetches under way, which count until `ends`; since when the first that waits has
// waited; until when it counts as waiting, 0 when none does. A report replaces the field, so that nothing is ever counted twice or lost.
// A free slot, or a token, is kept for each server whose first has waited longer; while others wait, they are handed out one by one.
// ARGV: server, running, waiting, waited ms, cap or 0, ms per token or 0, burst, lease ms, poll ms, claim ms. Returns: granted, ms until
// it is worth asking again; 0 when only the own fetches are in the way.
const REPORT_FETCHES = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local running, waiting = tonumber(ARGV[2]), tonumber(ARGV[3])
local since = now - tonumber(ARGV[4])
local cap, tokenMs, burst = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local leaseMs, pollMs, claimMs = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local own = 's:' .. ARGV[1]
local others, earlier, rivals = 0, 0, 0
local fields = redis.call('HGETALL', KEYS[1])
local tokens, tokensAt = burst, now
for i = 1, #fields, 2 do
  local name, value = fields[i], fields[i + 1]
  if name == 'tokens' then tokens = tonumber(value)
  elseif name == 'tokensAt' then tokensAt = tonumber(value)
  elseif name ~= own then
    local held, ends, first, claims = string.match(value, '^(%d+)|(%d+)|(%d+)|(%d+)$')
    if tonumber(ends) <= now then redis.call('HDEL', KEYS[1], name)
    else
      others = others + tonumber(held)
      if tonumber(claims) > now then
        rivals = rivals + 1
        if tonumber(first) < since then earlier = earlier + 1 end
      end
    end
  end
end
local free = waiting + earlier
if cap > 0 then free = cap - others - running end
local granted = math.max(0, math.min(waiting, free - earlier))
if rivals > 0 then granted = math.min(granted, 1) end
local retry = 0
if waiting > granted and (others > 0 or rivals > 0) then retry = pollMs end
if tokenMs > 0 and waiting > 0 then
  tokens = math.min(burst, tokens + math.max(0, now - tokensAt) / tokenMs)
  local ready = math.max(0, math.floor(tokens + 0.000001) - earlier)
  if ready < granted then granted = ready end
  tokens = math.max(0, tokens - granted)
  if waiting > granted then retry = math.max(retry, math.ceil((1 + earlier - tokens) * tokenMs)) end
  redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'tokensAt', string.format('%.0f', now))
end
if granted > 0 and waiting > granted and rivals > 0 and free - granted > 0 then retry = math.max(1, math.min(retry, 1)) end
running, waiting = running + granted, waiting - granted
if running == 0 and waiting == 0 then redis.call('HDEL', KEYS[1], own)
else
  local claims = 0
  if waiting > 0 then claims = now + retry + claimMs end
  redis.call('HSET', KEYS[1], own, string.format('%.0f|%.0f|%.0f|%.0f', running, now + leaseMs, since, claims))
end
redis.call('PEXPIRE', KEYS[1], math.ceil(math.max(60000, 2 * leaseMs, 2 * burst * tokenMs)))
return {granted, retry}
`;

// KEYS: servers, pauses. ARGV: server, for how long one counts that is not heard of, in ms. Returns: how many servers, and of each
// pause its upstream, how many ms are left, its status.
const BEAT_PROTECTION = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local news = {redis.call('ZCARD', KEYS[1])}
local pauses = redis.call('HGETALL', KEYS[2])
for i = 1, #pauses, 2 do
  local ends, status = string.match(pauses[i + 1], '^(%d+)|(%d+)$')
  local left = tonumber(ends) - now
  if left <= 0 then redis.call('HDEL', KEYS[2], pauses[i])
  else
    news[#news + 1] = pauses[i]
    news[#news + 1] = left
    news[#news + 1] = tonumber(status)
  end
end
return news
`;

// KEYS: pauses. ARGV: upstream, ms, status. Of two wishes the later end counts.
const PAUSE_UPSTREAM = `
local clock = redis.call('TIME')
local ends = clock[1] * 1000 + math.floor(clock[2] / 1000) + tonumber(ARGV[2])
local known = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '0', '^%d+')
if tonumber(known) >= ends then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f|%s', ends, ARGV[3]))
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
`;

/** As commands of the client. */
export const upstreamSlotScripts = {
  reportFetches: { lua: REPORT_FETCHES, numberOfKeys: 1 },
  beatProtection: { lua: BEAT_PROTECTION, numberOfKeys: 2 },
  pauseUpstream: { lua: PAUSE_UPSTREAM, numberOfKeys: 1 },
};

declare module 'ioredis' {
  interface RedisCommander<Context> {
    reportFetches(key: string, ...args: (string | number)[]): Result<[number, number], Context>;
    beatProtection(
      servers: string,
      pauses: string,
      ...args: (string | number)[]
    ): Result<(string | number)[], Context>;
    pauseUpstream(key: string, ...args: (string | number)[]): Result<number, Context>;
  }
}
