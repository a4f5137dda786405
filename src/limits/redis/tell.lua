-- Notes what counters are, for who inspects them.
--
-- KEYS  the notes
-- ARGV  for each its text, and for how many milliseconds it matters
for i = 1, #KEYS do redis.call('SET', KEYS[i], ARGV[2 * i - 1], 'PX', ARGV[2 * i]) end
return #KEYS
