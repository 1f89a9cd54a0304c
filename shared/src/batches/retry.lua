-- Gives items that failed another turn, each as the next version of its document.
-- ARGV[1] most items
-- Returns how many, or 'MISSING' or 'CANCELLED'.
if redis.call('HEXISTS', KEYS[1], 'json') == 0 then
  return 'MISSING'
end
if flag('cancelled') then
  return 'CANCELLED'
end
local ids = redis.call('ZRANGE', set.failed, 0, tonumber(ARGV[1]) - 1)
for _, id in ipairs(ids) do
  local item = read_item(id)
  item.version = item.version + 1
  item.error = nil
  move(item, 'pending')
  write_item(item)
end
if #ids > 0 then
  changed()
end
return #ids
