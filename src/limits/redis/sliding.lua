-- Sliding windows, for the scripts that begin with this: a hash of slots by their ends, each slot's amount, beside
--   n  the sum of all slots
--   o  the oldest slot
--   y  the youngest slot

--- Drops the slots that have left the window; answers the sum, the oldest and the youngest slot (nil without any).
local function slide(key, length, now)
  local known = redis.call('HMGET', key, 'n', 'o', 'y')
  local oldest = tonumber(known[2])
  if not oldest or now < oldest + length then return tonumber(known[1]) or 0, oldest, tonumber(known[3]) end
  local all = redis.call('HGETALL', key)
  local sum, first, last = 0, nil, nil
  for i = 1, #all, 2 do
    local slot = tonumber(all[i])
    if slot and now >= slot + length then
      redis.call('HDEL', key, all[i])
    elseif slot then
      sum = sum + all[i + 1]
      if not first or slot < first then first = slot end
      if not last or slot > last then last = slot end
    end
  end
  if first then
    redis.call('HSET', key, 'n', sum, 'o', first, 'y', last)
  else
    redis.call('DEL', key)
  end
  return sum, first, last
end

--- Adds to a slot that is part of the window still, or takes from it; one that comes to nothing is dropped.
local function addToSlot(key, slot, change, length, now, grace)
  local name = string.format('%.0f', slot)
  redis.call('HINCRBY', key, 'n', change)
  local value = redis.call('HINCRBY', key, name, change)
  if value ~= 0 and value ~= change then return end
  local known = redis.call('HMGET', key, 'o', 'y')
  local oldest, youngest = tonumber(known[1]), tonumber(known[2])
  if value == 0 then
    redis.call('HDEL', key, name)
    if oldest ~= slot and youngest ~= slot then return end
    local first, last
    for _, field in ipairs(redis.call('HKEYS', key)) do
      local other = tonumber(field)
      if other and (not first or other < first) then first = other end
      if other and (not last or other > last) then last = other end
    end
    if first then
      redis.call('HSET', key, 'o', first, 'y', last)
    else
      redis.call('DEL', key)
    end
    return
  end
  if not oldest or slot < oldest then redis.call('HSET', key, 'o', name) end
  if not youngest or slot > youngest then
    redis.call('HSET', key, 'y', name)
    redis.call('PEXPIRE', key, slot + length - now + grace)
  end
end

