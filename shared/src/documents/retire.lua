-- KEYS entry, index, index of the collection, hashes, identities, counts, failed, retired; ARGV id, hash, identity or '', version that these
-- are of. Returns 1 for whoever comes first, 0 too when there is another version by now.
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[4] then return 0 end
if redis.call('HSETNX', KEYS[1], 'retired', '1') == 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
if redis.call('HGET', KEYS[4], ARGV[2]) == ARGV[1] then redis.call('HDEL', KEYS[4], ARGV[2]) end
if redis.call('HGET', KEYS[5], ARGV[3]) == ARGV[1] then redis.call('HDEL', KEYS[5], ARGV[3]) end
recount(KEYS[6], KEYS[7], ARGV[1], cjson.decode(redis.call('HGET', KEYS[1], 'json')))
redis.call('SADD', KEYS[8], ARGV[1])
return 1
