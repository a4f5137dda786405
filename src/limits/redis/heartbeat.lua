-- Says that a replica lives, and answers the names of all that do, sorted.
--
-- KEYS[1]  the replicas, by when they were last heard of
-- ARGV[1]  this replica's name
-- ARGV[2]  after how many milliseconds of silence a replica counts as gone
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local names = redis.call('ZRANGE', KEYS[1], 0, -1)
table.sort(names)
return names
