-- ARGV: id, ms to keep the record, the first report. Answers the download's number, or 0 when the record cannot be used.
local found = redis.call('HMGET', KEYS[1], 'usable', 'download')
if not found[1] or (tonumber(found[1]) <= now and not found[2]) then
  return 0
end
prolong(ARGV[1], now + ARGV[2])
redis.call('HSET', KEYS[1], 'report', ARGV[3], 'reported', now)
return redis.call('HINCRBY', KEYS[1], 'download', 1)
