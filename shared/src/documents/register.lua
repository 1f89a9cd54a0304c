-- KEYS entry, index, index of the collection, hashes, identities, counts, failed; ARGV id, version, score, hash and identity, those of the
-- version before, json, metadata as JSON or '' to leave it. Returns 0 when somebody else has come first with these bytes, this identity or
-- this version. Bytes that another document has stay that one's.
local function free(key, field)
  if redis.call('HGET', key, field) == ARGV[1] then redis.call('HDEL', key, field) end
end
local owner = redis.call('HGET', KEYS[4], ARGV[4])
if owner and owner ~= ARGV[1] and ARGV[2] == '1' then return 0 end
local same = redis.call('HGET', KEYS[5], ARGV[5])
if same and same ~= ARGV[1] then return 0 end
local version, retired = unpack(redis.call('HMGET', KEYS[1], 'version', 'retired'))
if retired or tonumber(version or 0) ~= tonumber(ARGV[2]) - 1 then return 0 end
local before = redis.call('HGET', KEYS[1], 'json')
recount(KEYS[6], KEYS[7], ARGV[1], before and cjson.decode(before), cjson.decode(ARGV[8]))
redis.call('HSET', KEYS[1], 'json', ARGV[8], 'version', ARGV[2], 'attempt', 0)
if ARGV[9] ~= '' then redis.call('HSET', KEYS[1], 'metadata', ARGV[9]) end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
free(KEYS[4], ARGV[6])
free(KEYS[5], ARGV[7])
redis.call('HSETNX', KEYS[4], ARGV[4], ARGV[1])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[5], ARGV[5], ARGV[1]) end
return 1
