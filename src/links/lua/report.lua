-- ARGV: id, ms to keep the record, the report, the download's number. Answers whether there is a record: every download
-- that runs keeps it, and the latest is the one that is told of.
local latest = redis.call('HGET', KEYS[1], 'download')
if not latest then
  return 0
end
prolong(ARGV[1], now + ARGV[2])
if latest == ARGV[4] then
  redis.call('HSET', KEYS[1], 'report', ARGV[3], 'reported', now)
end
return 1
