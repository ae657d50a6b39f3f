-- Answers what was seen of each entry.
local found, all = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 5) == 'seen:' then
    found[#found + 1] = all[i + 1]
  end
end
return found
