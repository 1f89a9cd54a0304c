-- Before register, update and retire: keeps, of a tenant's documents, how many have each status, how many of those that
-- failed have each code ("failed:<code>"), and when those failed.
local function count(counts, failed, id, document, by)
  redis.call('HINCRBY', counts, document.status, by)
  if document.status ~= 'failed' then return end
  local code = type(document.error) == 'table' and document.error.code or 'unknown'
  if redis.call('HINCRBY', counts, 'failed:' .. code, by) == 0 then redis.call('HDEL', counts, 'failed:' .. code) end
  if by < 0 then return redis.call('ZREM', failed, id) end
  local time = redis.call('TIME')
  redis.call('ZADD', failed, tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000), id)
end
local function recount(counts, failed, id, before, after)
  if before then count(counts, failed, id, before, -1) end
  if after then count(counts, failed, id, after, 1) end
end
