-- ARGV: a fault or nothing, a shelf, how many entries were seen in part, and indices and values: of those, then of entries
-- that were seen whole. Answers whether there is a record.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
if ARGV[1] ~= '' then
  redis.call('HSETNX', KEYS[1], 'fault', ARGV[1])
end
local parts = 3 + 2 * ARGV[3]
for i = 4, #ARGV, 2 do
  local marks = 'seen:' .. ARGV[i] .. ':' .. ARGV[2]
  if i <= parts then
    redis.call('HSET', KEYS[1], marks, ARGV[i + 1])
  else
    redis.call('HSETNX', KEYS[1], 'seen:' .. ARGV[i], ARGV[i + 1])
    redis.call('HDEL', KEYS[1], marks)
  end
end
return 1
