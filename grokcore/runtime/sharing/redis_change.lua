-- Replace a value if it is still the old one: KEYS[1], the old one, the new one, its time in ms.
-- Returns whether it was, and the value that there is now.

local value = redis.call('GET', KEYS[1]) or ''
if value ~= ARGV[1] then return {0, value} end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return {1, ARGV[2]}
