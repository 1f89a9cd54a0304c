-- Sets a batch to be closed, paused, resumed or cancelled.
-- ARGV[1] 'closed' | 'paused' | 'cancelled'  ARGV[2] '1' | '0'  ARGV[3] '' or the age in seconds since anything was added
-- Returns 'MISSING', 'ENDED' (what has ended stays as it is), 'TOO_YOUNG' or 'OK'.
if redis.call('HEXISTS', KEYS[1], 'json') == 0 then
  return 'MISSING'
end
if redis.call('HEXISTS', KEYS[1], 'ended_at') == 1 or flag('cancelled') then
  return 'ENDED'
end
if ARGV[3] ~= '' and now - tonumber(redis.call('HGET', KEYS[1], 'touched_at')) < tonumber(ARGV[3]) then
  return 'TOO_YOUNG'
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], 'touched_at', now)
if ARGV[1] == 'cancelled' then
  redis.call('HSET', KEYS[1], 'closed', '1', 'paused', '0')
end
changed()
return 'OK'
