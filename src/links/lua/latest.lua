-- Answers the request and the latest report of a record, and how many ms ago that came; or nothing.
local found = redis.call('HMGET', KEYS[1], 'request', 'report', 'reported')
if not found[1] then
  return false
end
return { found[1], found[2], found[3] and math.max(now - found[3], 0) or 0 }
