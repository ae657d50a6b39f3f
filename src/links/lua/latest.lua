-- Answers the latest report of a record and how many ms ago that came; of one without any, as earlier versions made them,
-- the request. Or nothing. The request may be long, and many ask often.
local found = redis.call('HMGET', KEYS[1], 'report', 'reported')
if found[1] then
  return { false, found[1], found[2] and math.max(now - found[2], 0) or 0 }
end
local request = redis.call('HGET', KEYS[1], 'request')
return request and { request, false, 0 }
