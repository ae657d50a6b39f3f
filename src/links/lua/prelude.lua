-- What all scripts begin with. One hash tag, so that records and sums change together.
--   KEYS[1]  a record: request, facts, report, fault, seen:<index>[:<shelf>] (all sealed), owner, size, usable (until, in ms), download (its number),
--            reported (when, in ms)
--   KEYS[2]  all records that are kept, "id:owner:size" by their end in ms; with ":owner" behind it one owner's ids
--   KEYS[3]  sizes of records: of "all", and by owner
-- Time is Redis's own: nodes' clocks differ. Every key expires by itself, when the last record that it tells of does.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function owned(owner)
  return KEYS[2] .. ':' .. owner
end

local function outlive(key, last)
  if redis.call('PTTL', key) < last - now then
    redis.call('PEXPIREAT', key, last)
  end
end

-- Keeps a record until `last`, or its latest end.
local function keep(id, owner, size, last)
  last = math.min(last, tonumber(redis.call('HGET', KEYS[1], 'ends')))
  redis.call('ZADD', KEYS[2], last, id .. ':' .. owner .. ':' .. size)
  redis.call('ZADD', owned(owner), last, id)
  redis.call('PEXPIREAT', KEYS[1], last)
  outlive(KEYS[2], last)
  outlive(KEYS[3], last)
  outlive(owned(owner), last)
end

-- Keeps a record at least until `last`.
local function prolong(id, last)
  local record = redis.call('HMGET', KEYS[1], 'owner', 'size')
  if record[1] and redis.call('PTTL', KEYS[1]) < last - now then
    keep(id, record[1], record[2], last)
  end
end

-- Takes a size out of a sum; where nothing is left there is none.
local function subtract(of, size)
  if redis.call('HINCRBY', KEYS[3], of, -size) <= 0 then
    redis.call('HDEL', KEYS[3], of)
  end
end

-- Takes a record out of the sums.
local function forget(id, owner, size)
  redis.call('ZREM', KEYS[2], id .. ':' .. owner .. ':' .. size)
  redis.call('ZREM', owned(owner), id)
  subtract('all', size)
  subtract(owner, size)
end
