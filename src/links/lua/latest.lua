-- Answers the latest report of a record and how many ms ago that came, or nothing. The request is left where it is: it may
-- be long, and many ask often.
local found = redis.call('HMGET', KEYS[1], 'report', 'reported')
return found[1] and { found[1], found[2] and math.max(now - found[2], 0) or 0 }
