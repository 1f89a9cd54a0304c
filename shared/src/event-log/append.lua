-- Appends records of one attempt to an event log, or refuses; the only way into a log after its creation.
-- KEYS[1] log
-- ARGV[1] bell channel  ARGV[2] tenant  ARGV[3] retention in ms
-- ARGV[4] attempt, 0 = one above the highest seen (an outsider ends the log)  ARGV[5] seq of the first record
-- ARGV[6..] type, data, type, data, …
-- Returns {'OK', last id} or {'MISSING' | 'CLOSED' | 'FENCED' | 'GAP', last id or ''}.
local tail = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not tail then
  return { 'MISSING', '' }
end

local last = tail[1]
local dash = string.find(last, '-', 1, true)
local lastAttempt = tonumber(string.sub(last, 1, dash - 1))
local lastSeq = tonumber(string.sub(last, dash + 1))
local lastType = tail[2][2]
local closed = lastType == 'done' or lastType == 'failed' or lastType == 'cancelled'

local attempt = tonumber(ARGV[4])
local seq = tonumber(ARGV[5])
local records = (#ARGV - 5) / 2
local skip = 0

if attempt == 0 then
  if closed then
    return { 'CLOSED', last }
  end
  attempt = lastAttempt + 1
elseif attempt < lastAttempt then
  return { 'FENCED', last }
elseif attempt == lastAttempt then
  if seq > lastSeq + 1 then
    return { 'GAP', last }
  end
  -- A writer whose connection broke sends again what was not acknowledged: what is here already is skipped.
  skip = lastSeq + 1 - seq
elseif seq ~= 1 then
  return { 'GAP', last }
end
if skip >= records then
  return { 'OK', last }
end
if closed then
  return { 'CLOSED', last }
end

for i = skip, records - 1 do
  local kind, data = ARGV[6 + 2 * i], ARGV[7 + 2 * i]
  local id = attempt .. '-' .. (seq + i)
  redis.call('XADD', KEYS[1], id, 'type', kind, 'tenant', ARGV[2], 'data', data)
  redis.call('PUBLISH', ARGV[1], last .. ' ' .. id .. ' ' .. kind .. ' ' .. ARGV[2] .. ' ' .. data)
  last = id
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return { 'OK', last }
