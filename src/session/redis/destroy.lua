local base, fence = KEYS[1], ARGV[1]
local known = redis.call('GET', base .. ':fence')
if known and tonumber(known) > tonumber(fence) then
  return 1
end
redis.call('UNLINK', base .. ':mark')
for _, kind in ipairs(redis.call('SMEMBERS', base .. ':kinds')) do
  redis.call('UNLINK', base .. ':k:' .. kind)
end
redis.call('UNLINK', base .. ':kinds', base .. ':expiry')
-- Of an instance that is gone for good, a month is long enough to keep late writers off.
redis.call('SET', base .. ':fence', fence, 'EX', 2592000)
return 0
