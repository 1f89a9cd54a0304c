-- Takes a job out of a queue's backlog. Does nothing to one that has left it.
-- KEYS as in admit.lua  ARGV[1] member  ARGV[2] tenant  ARGV[3] caller  ARGV[4] 'taken' when a worker has it, 'dropped' else
local turn = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not turn then
  return 0
end
redis.call('ZREM', KEYS[1], ARGV[1])
local caller = ARGV[2] .. ' ' .. ARGV[3]
if redis.call('HINCRBY', KEYS[2], 't ' .. ARGV[2], -1) <= 0 then
  redis.call('HDEL', KEYS[2], 't ' .. ARGV[2])
end
if redis.call('HINCRBY', KEYS[2], 'c ' .. caller, -1) <= 0 then
  redis.call('HDEL', KEYS[2], 'c ' .. caller, 'l ' .. caller)
end
if ARGV[4] == 'taken' then
  local slot = math.floor(tonumber(redis.call('TIME')[1]) / 10)
  redis.call('HINCRBY', KEYS[4], slot, 1)
  redis.call('HDEL', KEYS[4], slot - 7, slot - 8, slot - 9)
  redis.call('EXPIRE', KEYS[4], 90)
  if tonumber(turn) > tonumber(redis.call('HGET', KEYS[2], 'v') or 0) then
    redis.call('HSET', KEYS[2], 'v', turn)
  end
end
return 1
