-- Answers request, facts and fault of a record, and whether only a download that began can be gone on with; or nothing.
local found = redis.call('HMGET', KEYS[1], 'request', 'facts', 'fault', 'usable', 'download')
local is_expired = not found[4] or tonumber(found[4]) <= now
if is_expired and not found[5] then
  return false
end
return { found[1], found[2], found[3], is_expired and 1 or 0 }
