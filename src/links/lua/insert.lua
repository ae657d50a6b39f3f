-- ARGV: id, owner, size, ttl in ms, most records, most bytes, most records and bytes of an owner, the request,
-- ms until its latest end, the first report
-- Answers 0, or 1 when the store is full, or 2 and the ms until the owner's first record ends, or 3 when what has ended
-- may still stand in its way: it is to be asked again. All of it at once would hold everybody up.
-- Ended records that are forgotten at a time.
local SWEEP = 500
local id, owner, size, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if redis.call('EXISTS', KEYS[1]) == 1 then
  -- Its id is a random one: it was stored by this question, whose answer got lost.
  return { 0, 0 }
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  -- It ended with its last record, and nobody took that out of the sums.
  redis.call('DEL', KEYS[3])
end
local ended_records = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, SWEEP)
for _, member in ipairs(ended_records) do
  local ended = { string.match(member, '^(%x+):(%x+):(%d+)$') }
  forget(ended[1], ended[2], ended[3])
  -- Its own end is now as well; what is out of the sums must not be prolonged.
  redis.call('DEL', string.sub(KEYS[2], 1, -2) .. ':' .. ended[1])
end
local function bytes(of)
  return tonumber(redis.call('HGET', KEYS[3], of) or 0)
end
local is_swept = #ended_records < SWEEP
if redis.call('ZCARD', owned(owner)) >= tonumber(ARGV[7]) or bytes(owner) + size > tonumber(ARGV[8]) then
  if not is_swept then
    return { 3, 0 }
  end
  local first = redis.call('ZRANGE', owned(owner), 0, 0, 'WITHSCORES')
  return { 2, first[2] and math.max(first[2] - now, 1) or ttl }
end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) or bytes('all') + size > tonumber(ARGV[6]) then
  return { is_swept and 1 or 3, 0 }
end
redis.call('HSET', KEYS[1], 'owner', owner, 'size', ARGV[3], 'usable', now + ttl, 'request', ARGV[9], 'ends', now + ARGV[10],
  'report', ARGV[11])
redis.call('HINCRBY', KEYS[3], 'all', size)
redis.call('HINCRBY', KEYS[3], owner, size)
keep(id, owner, ARGV[3], now + ttl)
return { 0, 0 }
