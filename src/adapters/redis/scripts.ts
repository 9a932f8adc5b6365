import { createHash } from 'node:crypto';

/** A Lua script and the digest by which the server knows it. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** The server's time as [seconds, microseconds]. The key only says which server of a cluster. */
export const timeScript = script(`return redis.call('TIME')`);

/**
 * Compare-and-set of one record with everything that belongs to it. 1: done, 0: somebody was first.
 * KEYS record, due, names, history. ARGV expected revision, new revision, record, token, due (or ''), name, entries...
 *
 * A script that fails half way is not undone, so each key's type is asked before the first write. The token tells a
 * repeat (the connection broke before the answer came, and the client sent it again) from a race that was lost.
 */
export const commitScript = script(`
local current = redis.call('HGET', KEYS[1], 'revision')
redis.call('ZCARD', KEYS[2])
redis.call('ZCARD', KEYS[3])
redis.call('LLEN', KEYS[4])
if current then
  if current ~= ARGV[1] then
    return redis.call('HGET', KEYS[1], 'token') == ARGV[4] and 1 or 0
  end
elseif ARGV[1] ~= '0' or redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'record', ARGV[3], 'token', ARGV[4])
if ARGV[5] == '' then
  redis.call('ZREM', KEYS[2], ARGV[6])
else
  redis.call('ZADD', KEYS[2], ARGV[5], ARGV[6])
end
redis.call('ZADD', KEYS[3], 0, ARGV[6])
for i = 7, #ARGV do redis.call('RPUSH', KEYS[4], ARGV[i]) end
redis.call('LTRIM', KEYS[4], -500, -1)
return 1`);

/** Takes all claims or none. KEYS held. ARGV holder, claims... Nil, or the first one taken and who has it. */
export const claimScript = script(`
for i = 2, #ARGV do
  local holder = redis.call('HGET', KEYS[1], ARGV[i])
  if holder and holder ~= ARGV[1] then return {ARGV[i], holder} end
end
for i = 2, #ARGV do redis.call('HSET', KEYS[1], ARGV[i], ARGV[1]) end
return false`);

/** Takes or renews a lease. KEYS lease. ARGV holder, milliseconds. 1 when the holder has it. */
export const leaseScript = script(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`);

/** Ends a lease of the holder. KEYS lease. ARGV holder. */
export const endLeaseScript = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`);

/** Gives back what the holder holds. KEYS held. ARGV holder, claims... */
export const releaseScript = script(`
for i = 2, #ARGV do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return 1`);

/**
 * Adds samples, drops what is out of bounds, and reads. KEYS signals.
 * ARGV speed, anchor (ms), window (s), kept, since (s, or '': no reading), rows, then score and member of each sample.
 * Gives how many lay too far ahead (a score in milliseconds does), and the members, newest first.
 */
export const signalsScript = script(`
local time = redis.call('TIME')
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
local now = (ARGV[2] + (ms - ARGV[2]) * ARGV[1]) / 1000
for i = 7, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.3f', now - ARGV[3]))
local ahead = redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.3f', now + ARGV[3]), '+inf')
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, string.format('%d', -1 - ARGV[4]))
redis.call('EXPIRE', KEYS[1], 604800)
if ARGV[5] == '' then return {ahead} end
return {ahead, redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', ARGV[5], 'LIMIT', 0, ARGV[6])}`);
