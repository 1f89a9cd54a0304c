-- KEYS entry, counts, failed; ARGV version, attempt, patch as JSON, checkpoint as JSON, `null` for none or '' for what is there. Returns 0
-- when the document is gone, -1 when a later attempt owns it, -2 when there is a later version. A version that searches see
-- already, while the one before is gone, is noted as `indexed_version` all the same, with what else is said of that one.
local json, retired, version, attempt = unpack(redis.call('HMGET', KEYS[1], 'json', 'retired', 'version', 'attempt'))
if not json or retired then return 0 end
local document, patch = cjson.decode(json), cjson.decode(ARGV[3])
if tonumber(version) > tonumber(ARGV[1]) then
  if not patch.indexed_version or (document.indexed_version or 0) >= patch.indexed_version then return -2 end
  for _, field in ipairs({ 'indexed_version', 'chunks', 'characters', 'pages' }) do
    if patch[field] == cjson.null then document[field] = nil else document[field] = patch[field] end
  end
  redis.call('HSET', KEYS[1], 'json', cjson.encode(document))
  return 1
end
if tonumber(attempt) > tonumber(ARGV[2]) then return -1 end
local before = cjson.decode(json)
for field, value in pairs(patch) do
  if value == cjson.null then document[field] = nil else document[field] = value end
end
if patch.status or patch.error then recount(KEYS[2], KEYS[3], document.id, before, document) end
redis.call('HSET', KEYS[1], 'json', cjson.encode(document), 'attempt', ARGV[2])
if ARGV[4] == 'null' then
  redis.call('HDEL', KEYS[1], 'checkpoint')
elseif ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'checkpoint', ARGV[4])
end
return 1
