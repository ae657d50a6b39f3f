-- ARGV: facts. Answers the facts that hold, or nothing when there is no record.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
redis.call('HSETNX', KEYS[1], 'facts', ARGV[1])
return redis.call('HGET', KEYS[1], 'facts')
