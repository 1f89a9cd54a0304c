-- KEYS entry; ARGV metadata as JSON. Returns 0 when the document is gone.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'retired') == 1 then return 0 end
redis.call('HSET', KEYS[1], 'metadata', ARGV[1])
return 1
