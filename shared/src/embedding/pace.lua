-- Gives a request to the embedding provider its turn. Requests are spaced evenly: each takes as much time as its share of
-- the budget of a minute, so that no stretch of a minute holds more than the budget, wherever it begins.
-- KEYS[1] turn: string, microsecond from which on the next request may start  KEYS[2] pause: string, expires with the pause
-- ARGV[1] microseconds that the request takes
-- Returns the milliseconds until its turn.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local pause = math.max(redis.call('PTTL', KEYS[2]), 0) * 1000
local start = math.max(now + pause, tonumber(redis.call('GET', KEYS[1]) or 0))
local after = start + tonumber(ARGV[1])
if after > now then
  redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
end
return math.ceil((start - now) / 1000)
