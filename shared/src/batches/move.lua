-- Moves an item to another status, if it is where the caller thinks it is.
-- ARGV[1] item id  ARGV[2] statuses that it may be moved from, each between spaces  ARGV[3] status
-- ARGV[4] version of its document that the caller speaks of, or ''  ARGV[5] changes as JSON
-- Returns whether it was moved.
local item = read_item(ARGV[1])
if not item or not string.find(ARGV[2], ' ' .. item.status .. ' ', 1, true) then
  return 0
end
if ARGV[4] ~= '' and item.version ~= tonumber(ARGV[4]) then
  return 0
end
for field, value in pairs(cjson.decode(ARGV[5])) do
  item[field] = value
end
move(item, ARGV[3])
write_item(item)
if item.status == 'processing' then
  redis.call('HSETNX', KEYS[1], 'started_at', now)
end
changed()
return 1
