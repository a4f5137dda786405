-- Ends several requests of one organisation that were made in one period, each once: corrects what it took to what it
-- used, or gives it back.
--
-- KEYS[1]  the open requests; KEYS[2..] the counters: calendar windows, then sliding windows, then what is held
-- ARGV[1]  the time in milliseconds, or '' for the server's own
-- ARGV[2]  after how many milliseconds a request is given up
-- ARGV[3]  how much longer than they matter keys are kept
-- ARGV[4]  what follows here, one after another and without gaps:
--   numbers of requests, of calendar windows, of sliding windows, of what is held: 4 x u16
--   per request: u16 number of its changes, u8 bits: 1 to leave a mark where it is unknown, so that a reserve that
--     arrives later takes nothing
--   per calendar window: what all changes come to together, and its end; per sliding window: its length; doubles
--   per change: u16 counter (as in reserve), u16 its place among the request's reservations, the change as double
-- ARGV[5..]  the requests' ids
local call, unpack = redis.call, unpack
local read, pack, sub = struct.unpack, struct.pack, string.sub
local KEYS, ARGV = KEYS, ARGV

local given = ARGV[4]
local requests, fixed, sliding, held = read('<HHHH', given)
local spans = 9 + 3 * requests
local firstId = 4
local records = call('HMGET', KEYS[1], unpack(ARGV, firstId + 1, firstId + requests))
local now = clock(ARGV[1])
local lease, grace = tonumber(ARGV[2]), tonumber(ARGV[3])

-- The sums hold where every request is open and nothing of it was extended or reset.
local summed = sliding == 0 and held == 0
local kinds, ended, marks = {}, {}, {}
for i = 1, requests do
  local record = records[i]
  local kind, made
  if record then kind, made = read('<Bd', record) end
  if not kind then
    local _, bits = read('<HB', given, 6 + 3 * i)
    if bits == 1 then
      marks[#marks + 1] = ARGV[firstId + i]
      marks[#marks + 1] = pack('<BdHB', 120, now, 0, 0)
    end
  elseif kind ~= 120 then
    ended[#ended + 1] = ARGV[firstId + i]
    if now <= made + lease then kinds[i] = kind end
  end
  if kinds[i] ~= 49 then summed = false end
end
if #marks > 0 then
  call('HSET', KEYS[1], unpack(marks))
  call('PEXPIRE', KEYS[1], 2 * lease + grace)
end
if #ended == 0 then return 0 end
call('HDEL', KEYS[1], unpack(ended))

local sums, slots, holds = {}, {}, {}
if not summed then
  local at = spans + 16 * fixed + 8 * sliding
  for i = 1, requests do
    local count = read('<H', given, 6 + 3 * i)
    local record, kind = records[i], kinds[i]
    for j = at, kind and at + 12 * count - 1 or 0, 12 do
      local counter, place, change = read('<HHd', given, j)
      local reservations = read('<H', record, 10)
      if kind == 50 then
        -- What it was extended by; nothing where the counter was reset since.
        local identity = read('<d', record, 13 + 24 * place)
        change = identity == 0 and 0 or change - read('<d', record, #record - 8 * (reservations - place) + 1)
      end
      if counter < 10000 then
        sums[counter] = (sums[counter] or 0) + change
      elseif counter < 20000 then
        local slot = read('<d', record, 13 + 24 * reservations + 8 * place)
        local of = slots[counter] or {}
        slots[counter] = of
        of[slot] = (of[slot] or 0) + change
      else
        local of = holds[counter] or {}
        holds[counter] = of
        -- All that a request holds of a counter is one field.
        local field = 'r:' .. ARGV[firstId + i]
        if of[#of] ~= field then of[#of + 1] = field end
      end
    end
    at = at + 12 * count
  end
end

for i = 1, fixed do
  local change, ends = read('<dd', given, spans + 16 * (i - 1))
  if not summed then change = sums[i] or 0 end
  if change ~= 0 then
    if now < ends then
      local value = call('INCRBY', KEYS[1 + i], change)
      if value <= 0 then
        -- Nothing is left, or it was lost: what was taken from it is lost with it.
        call('DEL', KEYS[1 + i])
      elseif value == change then
        call('PEXPIRE', KEYS[1 + i], ends - now + grace)
      end
    end
  end
end
for counter, of in pairs(slots) do
  local i = counter - 10000
  local length = read('<d', given, spans + 16 * fixed + 8 * (i - 1))
  for slot, change in pairs(of) do
    if change ~= 0 and now < slot + length then
      addToSlot(KEYS[1 + fixed + i], slot, change, length, now, grace)
    end
  end
end
for counter, fields in pairs(holds) do
  local key = KEYS[1 + fixed + sliding + counter - 20000]
  local total = 0
  for _, value in ipairs(call('HMGET', key, unpack(fields))) do
    if value then total = total + string.match(value, '^%d+') end
  end
  if total > 0 then
    call('HDEL', key, unpack(fields))
    call('HINCRBY', key, 'n', -total)
  end
end
return 1
