-- Ends a request, once: corrects what it took to what it used, or gives it back.
--
-- KEYS[1]  the request's record; KEYS[2..] the counters to correct
-- ARGV[1]  the time in milliseconds, or '' for the server's own
-- ARGV[2]  after how many milliseconds the request was given up
-- ARGV[3]  '1' to leave a mark, so that a reserve of this request that arrives later takes nothing
-- ARGV[4]  how much longer than they matter keys are kept
-- ARGV[5]  the request's id
-- then four for each counter: kind, what to add, and
--   'f' a calendar window      its end and ''
--   's' a sliding window       its length and the reservation's position in the record
--   'c' what is held now       '' and ''
local function text(number) return string.format('%.0f', number) end

local record = redis.call('GET', KEYS[1])
if not record then
  if ARGV[3] == '1' then redis.call('SET', KEYS[1], 'x', 'PX', ARGV[2]) end
  return 0
end
if record == 'x' then return 0 end
redis.call('DEL', KEYS[1])

local now
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
else
  now = tonumber(ARGV[1])
end
if now > tonumber(string.match(record, '^1 (%d+)')) + ARGV[2] then return 0 end

local words
for i = 2, #KEYS do
  local key = KEYS[i]
  local at = 4 * i - 2
  local kind = ARGV[at]
  local change = tonumber(ARGV[at + 1])
  if kind == 'f' then
    local ends = tonumber(ARGV[at + 2])
    if now < ends then
      if redis.call('EXISTS', key) == 1 then
        redis.call('INCRBY', key, change)
      elseif change > 0 then
        redis.call('SET', key, text(change), 'PX', text(ends - now + ARGV[4]))
      end
    end
  elseif kind == 's' then
    if not words then
      words = {}
      for word in string.gmatch(record, '%S+') do words[#words + 1] = word end
    end
    local length = tonumber(ARGV[at + 2])
    local name = words[3 * ARGV[at + 3] + 5]
    local slot = tonumber(name)
    if now < slot + length then
      redis.call('HINCRBY', key, 'n', change)
      local value = redis.call('HINCRBY', key, name, change)
      local known = redis.call('HMGET', key, 'o', 'y')
      local oldest, youngest = tonumber(known[1]), tonumber(known[2])
      if value == 0 then
        redis.call('HDEL', key, name)
        if oldest == slot then
          local first
          for _, field in ipairs(redis.call('HKEYS', key)) do
            local other = tonumber(field)
            if other and (not first or other < first) then first = other end
          end
          if first then
            redis.call('HSET', key, 'o', text(first))
          else
            redis.call('DEL', key)
          end
        end
      elseif value == change then
        if not oldest or slot < oldest then redis.call('HSET', key, 'o', name) end
        if not youngest or slot > youngest then redis.call('HSET', key, 'y', name) end
        if redis.call('PTTL', key) < 0 then
          redis.call('PEXPIRE', key, text(slot + length - now + ARGV[4]))
        end
      end
    end
  else
    local field = 'r:' .. ARGV[5]
    local held = redis.call('HGET', key, field)
    if held then
      redis.call('HDEL', key, field)
      redis.call('HINCRBY', key, 'n', '-' .. string.match(held, '^%d+'))
    end
  end
end
return 1
