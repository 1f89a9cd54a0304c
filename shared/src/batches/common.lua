-- What the scripts of a batch share; put before each of them.
-- KEYS[1] batch: hash, "json" (what it was created with), "seq" (items so far), "rev" (changes so far), "bytes",
--   "retention_ms", "closed", "paused", "cancelled" (each '1' when it is), "touched_at", "started_at" (seconds), "ended_at" (ms),
--   "s <ten seconds of time>" -> documents that ended in them
-- KEYS[2] items: hash, item id -> item as JSON
-- KEYS[3..] for each status a sorted set of item ids, by the order of their coming: an item is in exactly one
local STATUSES =
  { 'receiving', 'pending', 'queued', 'processing', 'ready', 'duplicate', 'failed', 'refused', 'cancelled' }
local UNFINISHED = 4
local set, rank = {}, {}
for i, status in ipairs(STATUSES) do
  set[status], rank[status] = KEYS[2 + i], i
end
local time = redis.call('TIME')
local now = tonumber(time[1])

local function flag(name)
  return redis.call('HGET', KEYS[1], name) == '1'
end

local function read_item(id)
  local json = redis.call('HGET', KEYS[2], id)
  return json and cjson.decode(json)
end

local function write_item(item)
  redis.call('HSET', KEYS[2], item.id, cjson.encode(item))
end

local function unfinished()
  local count = 0
  for i = 1, UNFINISHED do
    count = count + redis.call('ZCARD', KEYS[2 + i])
  end
  return count
end

-- To be called after every change: ends the batch when nothing is left of it, and opens it again when something is.
local function changed()
  redis.call('HINCRBY', KEYS[1], 'rev', 1)
  local has_ended = redis.call('HEXISTS', KEYS[1], 'ended_at') == 1
  local is_over = flag('closed') and unfinished() == 0
  if is_over and not has_ended then
    redis.call('HSET', KEYS[1], 'ended_at', now * 1000 + math.floor(tonumber(time[2]) / 1000))
    local retention = redis.call('HGET', KEYS[1], 'retention_ms')
    for _, key in ipairs(KEYS) do
      redis.call('PEXPIRE', key, retention)
    end
  elseif has_ended and not is_over then
    redis.call('HDEL', KEYS[1], 'ended_at')
    for _, key in ipairs(KEYS) do
      redis.call('PERSIST', key)
    end
  end
end

-- Documents that ended, in slots of ten seconds: what the time left is estimated from.
local function count_ended()
  local slot = math.floor(now / 10)
  redis.call('HINCRBY', KEYS[1], 's ' .. slot, 1)
  redis.call('HDEL', KEYS[1], 's ' .. slot - 7, 's ' .. slot - 8, 's ' .. slot - 9)
end

local function move(item, status)
  local place = redis.call('ZSCORE', set[item.status], item.id)
  if rank[item.status] > 1 and rank[item.status] <= UNFINISHED and rank[status] > UNFINISHED then
    count_ended()
  end
  redis.call('ZREM', set[item.status], item.id)
  redis.call('ZADD', set[status], place, item.id)
  item.status = status
end
