-- Answers the latest report and the request of a record, or nothing.
local found = redis.call('HMGET', KEYS[1], 'request', 'report')
if not found[1] then
  return false
end
return found
