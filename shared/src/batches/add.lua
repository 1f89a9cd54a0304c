-- Adds an item. One that is there already stays as it is, unless its bytes are still being received, or were lost and the
-- batch has not ended: then what is known of it is replaced.
-- ARGV[1] item as JSON
-- Returns {'MISSING'} or {'CLOSED'}, or {'ADDED' | 'KNOWN', item as JSON}.
if redis.call('HEXISTS', KEYS[1], 'json') == 0 then
  return { 'MISSING' }
end
local item = cjson.decode(ARGV[1])
local known = read_item(item.id)
local lost = { storage_unavailable = true, upload_lost = true }
local is_lost = known and known.status == 'failed' and lost[known.error.code]
  and redis.call('HEXISTS', KEYS[1], 'ended_at') == 0
if known and known.status ~= 'receiving' and not is_lost then
  return { 'KNOWN', cjson.encode(known) }
end
if flag('cancelled') or (flag('closed') and not known) then
  return { 'CLOSED' }
end
if known then
  local status = item.status
  item.status = known.status
  move(item, status)
else
  local place = redis.call('HINCRBY', KEYS[1], 'seq', 1)
  redis.call('ZADD', set[item.status], place, item.id)
  redis.call('HINCRBY', KEYS[1], 'bytes', item.status ~= 'refused' and item.bytes or 0)
  redis.call('PERSIST', KEYS[1])
end
write_item(item)
redis.call('HSET', KEYS[1], 'touched_at', now)
changed()
return { known and 'KNOWN' or 'ADDED', cjson.encode(item) }
