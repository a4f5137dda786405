-- Keeps what running requests hold of concurrency.
--
-- KEYS     the counters
-- ARGV[1]  the time in milliseconds, or '' for the server's own
-- ARGV[2]  for how many milliseconds from now
-- ARGV[3]  how much longer than they matter keys are kept
-- then for each counter the request's id
local now = clock(ARGV[1])
local ends = string.format('%.0f', now + ARGV[2])
for i = 1, #KEYS do
  local field = 'r:' .. ARGV[i + 3]
  local held = redis.call('HGET', KEYS[i], field)
  if held then
    redis.call('HSET', KEYS[i], field, string.match(held, '^%d+') .. ' ' .. ends)
    redis.call('PEXPIRE', KEYS[i], string.format('%.0f', ARGV[2] + ARGV[3]))
  end
end
return #KEYS
