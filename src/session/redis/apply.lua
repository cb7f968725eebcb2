local base, fence, now = KEYS[1], ARGV[1], ARGV[2]
local known = redis.call('GET', base .. ':fence')
if known and tonumber(known) > tonumber(fence) then
  return 1
end
if ARGV[3] == '1' and redis.call('EXISTS', base .. ':mark') == 0 then
  return 2
end
if known ~= fence then
  redis.call('SET', base .. ':fence', fence)
end

local expiry = base .. ':expiry'
local function remove(kind, key)
  redis.call('HDEL', base .. ':k:' .. kind, key)
  redis.call('ZREM', expiry, kind .. '\0' .. key)
end

local at = 5
while at <= #ARGV do
  local change, kind = ARGV[at], ARGV[at + 1]
  if change == 'P' then
    local key, ends, value = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
    redis.call('SADD', base .. ':kinds', kind)
    redis.call('HSET', base .. ':k:' .. kind, key, value)
    if ends == '0' then
      redis.call('ZREM', expiry, kind .. '\0' .. key)
    else
      redis.call('ZADD', expiry, ends, kind .. '\0' .. key)
    end
    at = at + 5
  elseif change == 'D' then
    remove(kind, ARGV[at + 2])
    at = at + 3
  else
    redis.call('UNLINK', base .. ':k:' .. kind)
    at = at + 2
  end
end

-- A few of those whose time has come, so that what is never read again goes away too.
for _, name in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', now, 'LIMIT', 0, 32)) do
  local split = string.find(name, '\0', 1, true)
  remove(string.sub(name, 1, split - 1), string.sub(name, split + 1))
end

if ARGV[4] ~= '' then
  redis.call('SET', base .. ':mark', ARGV[4])
end
return 0
