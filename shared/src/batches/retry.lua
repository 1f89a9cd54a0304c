-- Gives items that failed another turn.
-- ARGV item id, version of its document that it is to become, item id, version, …
-- Returns how many, or 'MISSING' or 'CANCELLED'.
if redis.call('HEXISTS', KEYS[1], 'json') == 0 then
  return 'MISSING'
end
if flag('cancelled') then
  return 'CANCELLED'
end
local count = 0
for i = 1, #ARGV, 2 do
  local item = read_item(ARGV[i])
  if item and item.status == 'failed' then
    item.version = tonumber(ARGV[i + 1])
    item.error = nil
    move(item, 'pending')
    write_item(item)
    count = count + 1
  end
end
if count > 0 then
  changed()
end
return count
