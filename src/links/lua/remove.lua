-- ARGV: id. Answers whether there was a record.
local record = redis.call('HMGET', KEYS[1], 'owner', 'size')
if not record[1] then
  return 0
end
forget(ARGV[1], record[1], record[2])
redis.call('DEL', KEYS[1])
return 1
