-- Takes a job into a queue's backlog, unless the backlog is full.
-- Callers take turns (start-time fair queueing): a job's turn is one after the later of its caller's last turn and the
-- turn that is being served, so that neither a long backlog nor a steady stream of one caller delays another's next job.
-- KEYS[1] waiting: sorted set, member -> turn
-- KEYS[2] counts: hash, "t <tenant>" and "c <tenant> <caller>" -> waiting, "l <tenant> <caller>" -> last turn, "v" -> turn served,
--   "b" -> time since which somebody waits
-- KEYS[3] open: sorted set, member -> time of admission
-- KEYS[4] taken: hash, ten seconds of time -> jobs taken since somebody waits: what is taken in a lull says how many came, not
--   how fast they drain
-- ARGV[1] member  ARGV[2] tenant  ARGV[3] caller  ARGV[4] most waiting in all  ARGV[5] most waiting of the tenant
-- Returns {'OK' | 'QUEUE_FULL' | 'TENANT_FULL', turn, jobs ahead, jobs waiting, jobs taken, in how many seconds (60 at most)}.
local now = tonumber(redis.call('TIME')[1])
local taken = 0
for i = 0, 5 do
  taken = taken + tonumber(redis.call('HGET', KEYS[4], math.floor(now / 10) - i) or 0)
end

local waiting = redis.call('ZCARD', KEYS[1])
local since = tonumber(redis.call('HGET', KEYS[2], 'b') or now)
local seconds = math.min(math.max(now - since, 1), 60)
local turn = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
if turn == 0 then
  local tenant, caller = 't ' .. ARGV[2], ARGV[2] .. ' ' .. ARGV[3]
  if waiting >= tonumber(ARGV[4]) then
    return { 'QUEUE_FULL', 0, 0, waiting, taken, seconds }
  end
  if tonumber(redis.call('HGET', KEYS[2], tenant) or 0) >= tonumber(ARGV[5]) then
    return { 'TENANT_FULL', 0, 0, waiting, taken, seconds }
  end
  if waiting == 0 then
    redis.call('HSET', KEYS[2], 'b', now)
    redis.call('DEL', KEYS[4])
  end
  redis.call('HINCRBY', KEYS[2], tenant, 1)
  redis.call('HINCRBY', KEYS[2], 'c ' .. caller, 1)
  local served = waiting > 0 and tonumber(redis.call('HGET', KEYS[2], 'v') or 0) or 0
  turn = math.max(served, tonumber(redis.call('HGET', KEYS[2], 'l ' .. caller) or 0)) + 1
  redis.call('HSET', KEYS[2], 'l ' .. caller, turn, 'v', served)
  redis.call('ZADD', KEYS[1], turn, ARGV[1])
  redis.call('ZADD', KEYS[3], now, ARGV[1])
end
return { 'OK', turn, redis.call('ZCOUNT', KEYS[1], '-inf', turn) - 1, waiting, taken, seconds }
