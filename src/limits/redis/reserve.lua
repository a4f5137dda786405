-- Reserves for several requests of one organisation, one after another: each takes every amount or none.
--
-- KEYS[1]  the open requests of this period; KEYS[2] those of the period before
-- KEYS[3..]  the counters: calendar windows, then sliding windows, then what is held
-- ARGV[1]  the time in milliseconds, or '' for the server's own
-- ARGV[2]  from when and
-- ARGV[3]  until when all calendar windows and the period are the current ones
-- ARGV[4]  after how many milliseconds a request is given up
-- ARGV[5]  after how many milliseconds what it holds of concurrency returns
-- ARGV[6]  how much longer than they matter keys are kept
-- ARGV[7]  what follows here, one after another and without gaps:
--   numbers of requests, of calendar windows, of sliding windows, of what is held: 4 x u16
--   per request: u16 number of its reservations, u8 bits: 1 of a sliding window among them, 2 of concurrency
--   per counter: what all requests ask of it together, the least of their maxima; doubles
--   per calendar window: its end; per sliding window: its length and that of one slot; doubles
--   per reservation, for the record: the counter's identity, the amount, and when the window ends (0 for concurrency,
--     -1 for a sliding window); doubles
--   per reservation: u16 counter (from 1, from 10001 for sliding windows, from 20001 for what is held), then as doubles
--     its maximum and its amount
-- ARGV[8..]  the requests' ids
--
-- Answers 'stale' and the time when a window or the period is not the current one: nothing was touched then. Else
--   per request one letter: 1 taken, 0 not taken, x given up before it arrived, r open already: nothing was taken
--   the time
--   per counter what had been used before; for a calendar window with what all requests ask added, except where it is
--   text; for a sliding window also its oldest slot (0 without one) and the current one
--   per r: when it was made and the number of its reservations
--
-- The record of an open request: u8 kind (49 open; 50 with what it was extended by; 120 given up), when it was made,
-- u16 number of its reservations, u8 bits; its part of what is given for records; if there is a sliding window, for each reservation its
-- slot; with kind 50, what each was extended by. All but what is named otherwise are doubles.
local call, unpack = redis.call, unpack
local read, pack, sub, rep = struct.unpack, struct.pack, string.sub, string.rep
local KEYS, ARGV = KEYS, ARGV

local now = clock(ARGV[1])
if now < tonumber(ARGV[2]) or now >= tonumber(ARGV[3]) then return { 'stale', now } end
local lease, hold, grace = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local given = ARGV[7]
local requests, fixed, sliding, held = read('<HHHH', given)
local sizes = { read('<' .. rep('HB', requests), given, 9) }
local counters = fixed + sliding + held
local asked = { read('<' .. rep('d', 2 * counters), given, 9 + 3 * requests) }
local spans = 9 + 3 * requests + 16 * counters
local firstRecord = spans + 8 * fixed + 16 * sliding
local firstWant = firstRecord
for i = 1, requests do firstWant = firstWant + 24 * sizes[2 * i - 1] end
local firstId = 7

-- What can fail without having changed anything comes first.
local records = call('HMGET', KEYS[1], unpack(ARGV, firstId + 1, firstId + requests))
local older = call('EXISTS', KEYS[2]) == 1 and call('HMGET', KEYS[2], unpack(ARGV, firstId + 1, firstId + requests))

-- Whether there is room for all that is asked, so that no request needs to be looked at by itself.
local roomy = true
for i = 1, requests do
  if records[i] or (older and older[i]) then roomy = false end
end

local used, before, state = {}, {}, {}
for i = 1, sliding do
  local length, slotLength = read('<dd', given, spans + 8 * fixed + 16 * (i - 1))
  local sum, oldest, youngest = slide(KEYS[2 + fixed + i], length, now)
  local slot = (math.floor(now / slotLength) + 1) * slotLength
  -- A clock that was set back keeps counting in the youngest slot.
  if youngest and youngest > slot then slot = youngest end
  used[10000 + i], before[10000 + i] = sum, sum
  state[10000 + i] = { length = length, oldest = oldest, slot = slot }
  if asked[2 * (fixed + i) - 1] > asked[2 * (fixed + i)] - sum then roomy = false end
end
for i = 1, held do
  local key = KEYS[2 + fixed + sliding + i]
  local known = call('HMGET', key, 'n', 'o')
  local sum, first = tonumber(known[1]) or 0, tonumber(known[2])
  if first and now > first then
    -- Holds that were not renewed: their process is gone.
    local all = call('HGETALL', key)
    sum, first = 0, nil
    for j = 1, #all, 2 do
      local amount, ends = string.match(all[j + 1], '^(%d+) (%d+)$')
      if amount and now > tonumber(ends) then
        call('HDEL', key, all[j])
      elseif amount then
        sum = sum + amount
        if not first or tonumber(ends) < first then first = tonumber(ends) end
      end
    end
    if first then
      call('HSET', key, 'n', sum, 'o', first)
    else
      call('DEL', key)
    end
  end
  used[20000 + i], before[20000 + i] = sum, sum
  state[20000 + i] = { oldest = first, holds = {} }
  local both = 2 * (fixed + sliding + i)
  if asked[both - 1] > asked[both] - sum then roomy = false end
end

-- A calendar window first takes all that is asked of it, and gives back afterwards what was not granted: mostly all is,
-- and one step is less than reading and writing.
local values, texts, undone, taken = {}, {}, {}, 0
local function textOf(number)
  local text = string.format('%.0f', number)
  texts[number] = text
  return text
end
local ok, problem = pcall(function()
  for i = 1, fixed do
    local sum = asked[2 * i - 1]
    local value = call('INCRBY', KEYS[2 + i], texts[sum] or textOf(sum))
    -- From here on a number of Lua's is not exact: read it from what there was before.
    if value >= 9007199254740992 then
      value = call('INCRBY', KEYS[2 + i], -sum)
      undone[i] = true
      roomy = false
    elseif value > asked[2 * i] then
      roomy = false
    end
    values[i] = value
    taken = i
  end
end)
if not ok then
  for i = 1, taken do
    if not undone[i] then call('INCRBY', KEYS[2 + i], -asked[2 * i - 1]) end
    if undone[i] and values[i] == 0 or values[i] == asked[2 * i - 1] then call('DEL', KEYS[2 + i]) end
  end
  return redis.error_reply(type(problem) == 'table' and problem.err or problem)
end

local letters, opened, granted = {}, {}, {}
if roomy then
  letters = rep('1', requests)
  for i = 1, sliding do used[10000 + i] = before[10000 + i] + asked[2 * (fixed + i) - 1] end
  for i = 1, held do used[20000 + i] = before[20000 + i] + asked[2 * (fixed + sliding + i) - 1] end
else
  for i = 1, fixed do
    before[i] = undone[i] and values[i] or values[i] - asked[2 * i - 1]
    used[i] = before[i]
  end
  local at = firstWant
  for i = 1, requests do
    local count = sizes[2 * i - 1]
    local record = records[i] or (older and older[i])
    local kind, made
    if record then kind, made = read('<Bd', record) end
    if kind == 120 then
      letters[i] = 'x'
    elseif kind and now <= made + lease then
      letters[i] = 'r'
      opened[#opened + 1] = record
    else
      local wants = { read('<' .. rep('Hdd', count), given, at) }
      -- One after another, so that two reservations on one counter see each other. Written so that no sum can leave the
      -- integers that a double holds exactly.
      granted[i] = true
      for j = 1, 3 * count, 3 do
        local value, amount = used[wants[j]], wants[j + 2]
        if amount <= wants[j + 1] - value then
          used[wants[j]] = value + amount
        else
          wants[j + 2] = 0
          granted[i] = false
        end
      end
      if not granted[i] then
        for j = 1, 3 * count, 3 do used[wants[j]] = used[wants[j]] - wants[j + 2] end
      end
      letters[i] = granted[i] and '1' or '0'
    end
    at = at + 18 * count
  end
  letters = table.concat(letters)
  for i = 1, fixed do
    local rest = used[i] - (undone[i] and before[i] or values[i])
    if rest ~= 0 then call('INCRBY', KEYS[2 + i], rest) end
  end
end

-- What was not there, or at nothing, has no expiry yet.
for i = 1, fixed do
  if roomy and values[i] == asked[2 * i - 1] or not roomy and before[i] == 0 then
    if (roomy and values[i] or used[i]) == 0 then
      call('DEL', KEYS[2 + i])
    else
      call('PEXPIRE', KEYS[2 + i], (read('<d', given, spans + 8 * (i - 1))) - now + grace)
    end
  end
end
for i = 1, sliding do
  local take = used[10000 + i] - before[10000 + i]
  local one = state[10000 + i]
  if take > 0 then addToSlot(KEYS[2 + fixed + i], one.slot, take, one.length, now, grace) end
end

-- The records.
local heads, fields = {}, {}
local at, place = firstWant, firstRecord
for i = 1, requests do
  local count, bits = sizes[2 * i - 1], sizes[2 * i]
  if roomy or granted[i] then
    local form = 4 * count + bits
    local head = heads[form]
    if not head then
      head = pack('<BdHB', 49, now, count, bits)
      heads[form] = head
    end
    local record = head .. sub(given, place, place + 24 * count - 1)
    if bits ~= 0 then
      local slots, holds = {}, {}
      for j = 1, count do
        local counter, _, amount = read('<Hdd', given, at + 18 * (j - 1))
        slots[j] = counter > 10000 and counter < 20000 and state[counter].slot or 0
        if counter > 20000 and amount > 0 then holds[counter] = (holds[counter] or 0) + amount end
      end
      if bits % 2 == 1 then record = record .. pack('<' .. rep('d', count), unpack(slots)) end
      for counter, amount in pairs(holds) do
        local list = state[counter].holds
        list[#list + 1] = 'r:' .. ARGV[firstId + i]
        list[#list + 1] = string.format('%.0f %.0f', amount, now + hold)
      end
    end
    fields[#fields + 1] = ARGV[firstId + i]
    fields[#fields + 1] = record
  end
  at = at + 18 * count
  place = place + 24 * count
end
if #fields > 0 then
  call('HSET', KEYS[1], unpack(fields))
  -- The last one made in this period is given up a lease after it.
  call('PEXPIRE', KEYS[1], 2 * lease + grace)
end
for i = 1, held do
  local take = used[20000 + i] - before[20000 + i]
  local one = state[20000 + i]
  if take > 0 then
    local key = KEYS[2 + fixed + sliding + i]
    call('HINCRBY', key, 'n', take)
    call('HSET', key, unpack(one.holds))
    if not one.oldest or now + hold < one.oldest then call('HSET', key, 'o', now + hold) end
    call('PEXPIRE', key, hold + grace)
  end
end

-- Clients read the largest whole numbers that a double holds wrongly: these go as text.
local function exact(number) return number < 9e15 and number or string.format('%.0f', number) end

local reply = { letters, now }
for i = 1, fixed do
  local value = values[i]
  reply[2 + i] = value < 9e15 and not undone[i] and value
    or string.format('%.0f', undone[i] and value or value - asked[2 * i - 1])
end
local n = 2 + fixed
for i = 10001, 10000 + sliding do
  reply[n + 1], reply[n + 2], reply[n + 3] = exact(before[i]), state[i].oldest or 0, state[i].slot
  n = n + 3
end
for i = 20001, 20000 + held do
  n = n + 1
  reply[n] = exact(before[i])
end
for _, record in ipairs(opened) do
  local _, made, count = read('<BdH', record)
  reply[n + 1], reply[n + 2] = made, count
  n = n + 2
end
return reply
