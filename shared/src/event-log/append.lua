-- Appends records of one attempt to an event log, or refuses; the only way into a log after its creation.
-- KEYS[1] log
-- ARGV[1] bell channel  ARGV[2] stop channel  ARGV[3] tenant
-- ARGV[4] attempt: 'outsider' = one above the highest seen, 'waiting' = only while no attempt has begun
-- ARGV[5] seq of the first record (of an attempt)  ARGV[6] PUBLISH, or SPUBLISH on a cluster
-- ARGV[7] retention of a log without an end, in ms  ARGV[8..] type, data, type, data, …
-- Returns {'OK', last id, last id before, those who heard it (-1 when nothing was new)} or {'MISSING' | 'CLOSED' | 'FENCED' | 'GAP', last id or ''}.
--
-- The channels hash to the log's slot, but are no KEYS: as keys that never exist they would make a cluster answer
-- TRYAGAIN to every append for as long as the slot is being moved to another node.
local tail = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not tail then
  return { 'MISSING', '' }
end

local before = tail[1]
local last = before
local dash = string.find(last, '-', 1, true)
local lastAttempt = tonumber(string.sub(last, 1, dash - 1))
local lastSeq = tonumber(string.sub(last, dash + 1))
local lastType = tail[2][2]
local closed = lastType == 'done' or lastType == 'failed' or lastType == 'cancelled'

local attempt = tonumber(ARGV[4])
local seq = tonumber(ARGV[5])
local publish = ARGV[6]
local records = (#ARGV - 7) / 2
local skip = 0

if ARGV[4] == 'outsider' then
  attempt, seq = lastAttempt + 1, 1
elseif ARGV[4] == 'waiting' then
  if lastAttempt > 0 then
    return { 'FENCED', last }
  end
  attempt, seq = 0, lastSeq + 1
elseif attempt < lastAttempt then
  return { 'FENCED', last }
elseif attempt == lastAttempt then
  if seq > lastSeq + 1 then
    return { 'GAP', last }
  end
  -- A writer whose connection broke sends again what was not acknowledged: what is here already is skipped. Only what
  -- is here to the byte: when a queue's node fails over and forgets that a job was taken, two workers have the same
  -- attempt, and the one that writes second must not take the other's records for its own.
  skip = math.min(lastSeq + 1 - seq, records)
  if skip > 0 then
    local entries = redis.call('XRANGE', KEYS[1], attempt .. '-' .. seq, attempt .. '-' .. (seq + skip - 1))
    for i = 1, skip do
      local fields = entries[i][2]
      if fields[2] ~= ARGV[6 + 2 * i] or fields[6] ~= ARGV[7 + 2 * i] then
        return { 'FENCED', last }
      end
    end
  end
elseif seq ~= 1 then
  return { 'GAP', last }
end
if skip >= records then
  return { 'OK', last, before, -1 }
end
if closed then
  return { 'CLOSED', last }
end

local listeners = 0
local kind
for i = skip, records - 1 do
  local data = ARGV[9 + 2 * i]
  kind = ARGV[8 + 2 * i]
  local id = attempt .. '-' .. (seq + i)
  redis.call('XADD', KEYS[1], id, 'type', kind, 'tenant', ARGV[3], 'data', data)
  listeners = redis.call(publish, ARGV[1], last .. ' ' .. id .. ' ' .. kind .. ' ' .. ARGV[3] .. ' ' .. data)
  last = id
end
local isEnd = kind == 'done' or kind == 'failed' or kind == 'cancelled'
local expiry = ARGV[7]
if isEnd then
  -- Who ends a log from outside does not know how long it was promised to be kept; its first entry does.
  expiry = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1][2][8]
end
redis.call('PEXPIRE', KEYS[1], expiry)
if lastAttempt > 0 and attempt > lastAttempt then
  -- Whoever still works on the job hears that it is no longer theirs, also while it has nothing to append.
  redis.call(publish, ARGV[2], attempt)
end
return { 'OK', last, before, listeners }
