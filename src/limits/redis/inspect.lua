-- Tells of counters of one organisation, of some of its keys at a time.
--
-- KEYS[1]  the open requests of this period; KEYS[2] those of the period before
-- ARGV[1]  the time in milliseconds, or '' for the server's own
-- ARGV[2]  after how many milliseconds a request is given up
-- ARGV[3]  what all keys of the organisation begin with
-- ARGV[4]  a pattern of the notes to look for
-- ARGV[5]  where to go on, and
-- ARGV[6]  about how many keys to look at
-- then for each calendar unit its name, and the current window's start and end
--
-- Answers where to go on ('0' at the end), then for each counter its key, its note, what was used, what open requests
-- hold of it, and the milliseconds until its reset.
local call = redis.call
local read, sub, len = struct.unpack, string.sub, string.len

local now = clock(ARGV[1])
local lease = tonumber(ARGV[2])
local windows = {}
for i = 7, #ARGV, 3 do windows[ARGV[i]] = { start = ARGV[i + 1], ends = tonumber(ARGV[i + 2]) } end

local page = call('SCAN', ARGV[5], 'MATCH', ARGV[4], 'COUNT', ARGV[6])
local found, wanted = {}, {}
for _, name in ipairs(page[2]) do
  local note = call('GET', name)
  local unit, window, identity
  if note then unit, window, identity = string.match(note, '^(%S+) (%S+) %S+ (%S+)$') end
  if unit then
    local key = sub(name, len(ARGV[3]) + 3)
    local one = { key = key, note = note, identity = tonumber(identity), used = 0, held = 0, reset = 1000 }
    local calendar = windows[window]
    if unit == 'concurrency' then
      local all = call('HGETALL', ARGV[3] .. 'c:' .. key)
      for i = 1, #all, 2 do
        local amount, ends = string.match(all[i + 1], '^(%d+) (%d+)$')
        if amount and now <= tonumber(ends) then one.used = one.used + amount end
      end
      one.held = one.used
    elseif calendar then
      one.ends = calendar.ends
      one.reset = calendar.ends - now
      if now < calendar.ends then one.used = tonumber(call('GET', ARGV[3] .. 'w:' .. key .. ':' .. calendar.start) or 0) end
    else
      local length = window * 1000
      local oldest
      local all = call('HGETALL', ARGV[3] .. 's:' .. key)
      for i = 1, #all, 2 do
        local slot = tonumber(all[i])
        if slot and now < slot + length then
          one.used = one.used + all[i + 1]
          if not oldest or slot < oldest then oldest = slot end
        end
      end
      one.length, one.ends = length, -1
      one.reset = oldest and oldest + length - now or length
    end
    if one.used > 0 then
      found[#found + 1] = one
      if unit ~= 'concurrency' then wanted[one.identity] = one end
    end
  end
end

for _, open in ipairs(next(wanted) and KEYS or {}) do
  for _, record in ipairs(call('HVALS', open)) do
    local kind, made, reservations = read('<BdH', record)
    if kind ~= 120 and now <= made + lease then
      for place = 0, reservations - 1 do
        local identity, amount, ends = read('<ddd', record, 13 + 24 * place)
        local one = wanted[identity]
        if one and one.length then
          local slot = read('<d', record, 13 + 24 * reservations + 8 * place)
          ends = now < slot + one.length and -1 or -2
        end
        if one and ends == one.ends then
          one.held = one.held + amount
          if kind == 50 then one.held = one.held + read('<d', record, #record - 8 * (reservations - place) + 1) end
        end
      end
    end
  end
end

local reply = { page[1] }
for _, one in ipairs(found) do
  local used, held = string.format('%.0f', one.used), string.format('%.0f', one.held)
  for _, value in ipairs({ one.key, one.note, used, held, one.reset }) do reply[#reply + 1] = value end
end
return reply
