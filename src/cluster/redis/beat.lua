-- One sign of life. KEYS: nodes (hash, node -> what it says), beats (sorted by time), lives (hash,
-- node -> number of its youngest life), since (when everybody could last not be seen).
-- ARGV: node, what it says, its life (0: a new one), milliseconds until a node counts as dead.
-- Answers {life, whether absence proves death, then for each live node what it says and its age};
-- {-1} when a younger life is known.
local node, says, life, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local known = tonumber(redis.call('HGET', KEYS[3], node)) or 0
if life == 0 then
  life = known + 1
elseif known > life then
  return {-1}
end
redis.call('HSET', KEYS[3], node, life)

-- When nobody has shown itself for long, it was Redis that was away (or it is empty): that a node is
-- missing then says nothing about it.
local newest = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if not newest[2] or now - tonumber(newest[2]) >= ttl / 2 then
  redis.call('SET', KEYS[4], now)
end
local since = tonumber(redis.call('GET', KEYS[4])) or now
if since == now then
  redis.call('SET', KEYS[4], now)
end

redis.call('HSET', KEYS[1], node, says)
redis.call('ZADD', KEYS[2], now, node)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - 20 * ttl)) do
  redis.call('ZREM', KEYS[2], gone)
  redis.call('HDEL', KEYS[1], gone)
end

local answer = {life, now - since >= ttl and 1 or 0}
local live = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. (now - ttl), '+inf', 'WITHSCORES')
for i = 1, #live, 2 do
  answer[#answer + 1] = redis.call('HGET', KEYS[1], live[i]) or ''
  answer[#answer + 1] = math.floor(now - live[i + 1])
end
return answer
