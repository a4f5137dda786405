-- Takes every amount or none.
--
-- KEYS[1]  the request's record; KEYS[2..] its counters
-- ARGV[1]  the time in milliseconds, or '' for the server's own
-- ARGV[2]  after how many milliseconds the request is given up
-- ARGV[3]  after how many milliseconds what it holds of concurrency returns
-- ARGV[4]  how much longer than they matter keys are kept
-- ARGV[5]  the request's id
-- ARGV[6]  from when and
-- ARGV[7]  until when all its calendar windows are the current ones
-- then five for each counter: kind, maximum, amount and
--   'f' a calendar window      its start and its end
--   's' a sliding window       its length and that of one slot
--   'c' what is held now       '' and ''
--
-- Answers one text, which is also the record:
--   '1 now used reset slot …'       taken: after it, milliseconds until the reset, the slot of a sliding window or 0
--   '0 now used reset exhausted …'  not taken: 1 where there was no room
--   'stale now'                     a calendar window is not the current one; nothing was touched
--   'x'                             the request was given up before this arrived
local call, format, tonumber = redis.call, string.format, tonumber
local KEYS, ARGV = KEYS, ARGV
local function text(number) return format('%.0f', number) end

local now
if ARGV[1] == '' then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
else
  now = tonumber(ARGV[1])
end

local values = call('MGET', unpack(KEYS))
local record = values[1]
if record then
  if record == 'x' then return 'x' end
  if now <= tonumber(string.match(record, '^1 (%d+)')) + ARGV[2] then return record end
end

local count = #KEYS - 1
local states = {}
local of = {}

if now < tonumber(ARGV[6]) or now >= tonumber(ARGV[7]) then return 'stale ' .. text(now) end

-- What each counter has used.
for i = 1, count do
  local key = KEYS[i + 1]
  local state = states[key]
  if not state then
    local at = 5 * i + 3
    local kind = ARGV[at]
    if kind == 'f' then
      local value = values[i + 1]
      local used = tonumber(value or 0)
      state = { kind = kind, used = used, before = used, take = 0, exists = value, ends = tonumber(ARGV[at + 4]) }
    else
      state = { kind = kind, used = 0, take = 0 }
      local known = call('HMGET', key, 'n', 'o', 'y')
      local oldest = tonumber(known[2])
      state.used = tonumber(known[1]) or 0
      state.oldest = oldest
      state.youngest = tonumber(known[3])
      if kind == 's' then
        local length = tonumber(ARGV[at + 3])
        local slotLength = tonumber(ARGV[at + 4])
        state.length = length
        if oldest and now >= oldest + length then
          -- Slots that have left the window.
          local all = call('HGETALL', key)
          local used, first, last = 0, nil, nil
          for j = 1, #all, 2 do
            local slot = tonumber(all[j])
            if slot and now >= slot + length then
              call('HDEL', key, all[j])
            elseif slot then
              used = used + all[j + 1]
              if not first or slot < first then first = slot end
              if not last or slot > last then last = slot end
            end
          end
          if first then
            call('HSET', key, 'n', text(used), 'o', text(first), 'y', text(last))
          else
            call('DEL', key)
          end
          state.used, state.oldest, state.youngest = used, first, last
        end
        -- A clock that was set back keeps counting in the youngest slot.
        state.slot = (math.floor(now / slotLength) + 1) * slotLength
        if state.youngest and state.youngest > state.slot then state.slot = state.youngest end
      elseif oldest and now > oldest then
        -- Holds that were not renewed: their process is gone.
        local all = call('HGETALL', key)
        local used, first = 0, nil
        for j = 1, #all, 2 do
          local amount, ends = string.match(all[j + 1], '^(%d+) (%d+)$')
          if amount and now > tonumber(ends) then
            call('HDEL', key, all[j])
          elseif amount then
            used = used + amount
            if not first or tonumber(ends) < first then first = tonumber(ends) end
          end
        end
        if first then
          call('HSET', key, 'n', text(used), 'o', text(first))
        else
          call('DEL', key)
        end
        state.used, state.oldest = used, first
      end
      state.before = state.used
    end
    states[key] = state
  end
  of[i] = state
end

-- One after another, so that two reservations on one counter see each other. Written so that no sum can leave the
-- integers that a double holds exactly.
local granted = true
local exhausted = {}
for i = 1, count do
  local state = of[i]
  local amount = tonumber(ARGV[5 * i + 5])
  if amount <= ARGV[5 * i + 4] - state.used then
    state.used = state.used + amount
    state.take = state.take + amount
  else
    exhausted[i] = true
    granted = false
  end
end

if granted then
  local grace = ARGV[4]
  for key, state in pairs(states) do
    local take = state.take
    if take > 0 then
      if state.kind == 'f' then
        if state.exists then
          call('INCRBY', key, take)
        else
          call('SET', key, text(take), 'PX', text(state.ends - now + grace))
        end
      elseif state.kind == 's' then
        local slot = state.slot
        call('HINCRBY', key, 'n', take)
        if call('HINCRBY', key, text(slot), take) == take then
          if not state.oldest then state.oldest = slot end
          call('HSET', key, 'o', text(state.oldest), 'y', text(slot))
          call('PEXPIRE', key, text(slot + state.length - now + grace))
        end
      else
        local ends = now + ARGV[3]
        call('HINCRBY', key, 'n', take)
        call('HSET', key, 'r:' .. ARGV[5], text(take) .. ' ' .. text(ends))
        if not state.oldest or ends < state.oldest then call('HSET', key, 'o', text(ends)) end
        call('PEXPIRE', key, text(ARGV[3] + grace))
      end
    end
  end
end

local answer = {}
for i = 1, count do
  local state = of[i]
  local reset = 1000
  if state.kind == 'f' then
    reset = state.ends - now
  elseif state.kind == 's' then
    reset = state.length
    if state.oldest then reset = state.oldest + state.length - now end
  end
  if granted then
    answer[i] = format('%.0f %d %.0f', state.used, reset, state.slot or 0)
  else
    answer[i] = format('%.0f %d %d', state.before, reset, exhausted[i] and 1 or 0)
  end
end
local all = format('%d %.0f ', granted and 1 or 0, now) .. table.concat(answer, ' ')
if granted then call('SET', KEYS[1], all, 'PX', ARGV[2]) end
return all
