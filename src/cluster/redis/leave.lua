-- Takes a node off the roll, unless a younger life of it is there. KEYS: nodes, beats, lives.
-- ARGV: node, life.
local known = tonumber(redis.call('HGET', KEYS[3], ARGV[1])) or 0
if known <= tonumber(ARGV[2]) then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return 0
