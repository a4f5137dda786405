-- Begins a counter's current window anew, and lets open requests forget what they hold of it.
--
-- KEYS[1]  the open requests of this period; KEYS[2] those of the period before
-- KEYS[3]  the counter as a sliding window; KEYS[4] as what is held; KEYS[5] its note
-- KEYS[6..]  the counter as each of the current calendar windows
-- ARGV[1]  the time in milliseconds, or '' for the server's own
-- ARGV[2]  after how many milliseconds a request is given up
-- ARGV[3]  the counter's identity
-- then for each calendar window its unit and its end
--
-- Answers 1, or 0 when it was at zero.
local read, pack, sub = struct.unpack, struct.pack, string.sub

local now = clock(ARGV[1])
local lease = tonumber(ARGV[2])
local identity = tonumber(ARGV[3])
local current = { [-1] = true }
local known = 0
local function drop(key, used)
  if used > 0 then known = 1 end
  redis.call('DEL', key)
end

-- A note that was lost leaves it open which window it is.
local window = string.match(redis.call('GET', KEYS[5]) or '', '^%S+ (%S+) ')
if tonumber(window) then slide(KEYS[3], window * 1000, now) end
drop(KEYS[3], tonumber(redis.call('HGET', KEYS[3], 'n') or 0))
local held = 0
for _, value in ipairs(redis.call('HVALS', KEYS[4])) do
  local amount, ends = string.match(value, '^(%d+) (%d+)$')
  if amount and now <= tonumber(ends) then held = held + amount end
end
drop(KEYS[4], held)
for i = 6, #KEYS do
  local unit, ends = ARGV[2 * i - 8], tonumber(ARGV[2 * i - 7])
  if now < ends and (not window or window == unit) then
    current[ends] = true
    drop(KEYS[i], tonumber(redis.call('GET', KEYS[i]) or 0))
  end
end

for i = 1, 2 do
  local all = redis.call('HGETALL', KEYS[i])
  for j = 1, #all, 2 do
    local record = all[j + 1]
    local kind, made, reservations = read('<BdH', record)
    local changed = false
    for place = 0, kind ~= 120 and now <= made + lease and reservations - 1 or -1 do
      local at = 13 + 24 * place
      local own, _, ends = read('<ddd', record, at)
      if own == identity and current[ends] then
        record = sub(record, 1, at - 1) .. pack('<d', 0) .. sub(record, at + 8)
        changed = true
      end
    end
    if changed then
      if kind ~= 50 then record = pack('<B', 50) .. sub(record, 2) .. string.rep('\0', 8 * reservations) end
      redis.call('HSET', KEYS[i], all[j], record)
    end
  end
end
return known
