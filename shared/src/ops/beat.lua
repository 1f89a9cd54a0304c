-- KEYS heartbeats, their times; ARGV process id, what it tells as JSON, milliseconds that one that was lost is remembered.
-- Returns how many processes there are. Times are Redis's own: the clocks of hosts differ.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
local forgotten = redis.call('ZRANGEBYSCORE', KEYS[2], 0, now - tonumber(ARGV[3]), 'LIMIT', 0, 100)
if #forgotten > 0 then
  redis.call('HDEL', KEYS[1], unpack(forgotten))
  redis.call('ZREM', KEYS[2], unpack(forgotten))
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return redis.call('ZCARD', KEYS[2])
