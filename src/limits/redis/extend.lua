-- Takes more for an open request, in the windows that its reservations were made in: all of it or none.
--
-- KEYS[1]  the open requests of its period; KEYS[2..] the counters: calendar windows, then sliding windows
-- ARGV[1]  the time in milliseconds, or '' for the server's own
-- ARGV[2]  after how many milliseconds a request is given up
-- ARGV[3]  how much longer than they matter keys are kept
-- ARGV[4]  the request's id
-- ARGV[5]  numbers of reservations to extend, of calendar windows, of sliding windows: 3 x u16
-- ARGV[6]  per reservation to extend: u16 counter (as in reserve), u16 its place among the request's, its maximum and
--          by how much as doubles
-- ARGV[7]  per calendar window: its end; per sliding window: its length; all doubles
--
-- Answers 1, or 0 when there is no room or no such request.
local read, pack, sub = struct.unpack, struct.pack, string.sub

local now = clock(ARGV[1])
local lease, grace = tonumber(ARGV[2]), tonumber(ARGV[3])
local record = redis.call('HGET', KEYS[1], ARGV[4])
if not record then return 0 end
local kind, made, reservations = read('<BdH', record)
if kind == 120 or now > made + lease then return 0 end
local wanted, fixed, sliding = read('<HHH', ARGV[5])
local extended = {}
for i = 1, reservations do
  extended[i] = kind == 50 and read('<d', record, #record - 8 * (reservations - i + 1) + 1) or 0
end

local used, takes = {}, {}
for i = 0, wanted - 1 do
  local counter, place, max, more = read('<HHdd', ARGV[6], 20 * i + 1)
  extended[place + 1] = extended[place + 1] + more
  local identity = read('<d', record, 13 + 24 * place)
  local slides = counter > 10000
  local index = slides and counter - 10000 or counter
  local key = KEYS[1 + (slides and fixed or 0) + index]
  local span = read('<d', ARGV[7], 8 * ((slides and fixed or 0) + index) - 7)
  local slot = slides and read('<d', record, 13 + 24 * reservations + 8 * place)
  -- One that was reset since, or whose window is over, counts nothing and has room for anything.
  if more > 0 and identity ~= 0 and now < (slides and slot + span or span) then
    if not used[key] then
      used[key] = slides and slide(key, span, now) or not slides and tonumber(redis.call('GET', key) or 0)
    end
    if more > max - used[key] then return 0 end
    used[key] = used[key] + more
    takes[#takes + 1] = { key = key, more = more, slot = slot, span = span }
  end
end

for _, take in ipairs(takes) do
  if take.slot then
    addToSlot(take.key, take.slot, take.more, take.span, now, grace)
  elseif redis.call('INCRBY', take.key, take.more) == take.more then
    redis.call('PEXPIRE', take.key, take.span - now + grace)
  end
end
local whole = kind == 50 and #record - 8 * reservations or #record
redis.call('HSET', KEYS[1], ARGV[4],
  pack('<B', 50) .. sub(record, 2, whole) .. pack('<' .. string.rep('d', reservations), unpack(extended)))
return 1
