-- Takes the next items that wait in the batch, so that at most a window of them is on its way.
-- ARGV[1] window  ARGV[2] most items to take
-- Returns the items as JSON.
if flag('paused') or flag('cancelled') then
  return {}
end
local room = tonumber(ARGV[1]) - redis.call('ZCARD', set.queued) - redis.call('ZCARD', set.processing)
local count = math.min(room, tonumber(ARGV[2]))
local taken = {}
if count <= 0 then
  return taken
end
for _, id in ipairs(redis.call('ZRANGE', set.pending, 0, count - 1)) do
  local item = read_item(id)
  move(item, 'queued')
  write_item(item)
  table.insert(taken, cjson.encode(item))
end
if #taken > 0 then
  changed()
end
return taken
