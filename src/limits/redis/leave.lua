-- Takes a replica off the register.
--
-- KEYS[1]  the replicas
-- ARGV[1]  the replica's name
return redis.call('ZREM', KEYS[1], ARGV[1])
