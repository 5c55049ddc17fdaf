-- One step of a shared pool, as a whole. Table.step in protocol/sharing/table.py has the rules.
--
-- KEYS: the eight below, then a key for the owner of every token that the step names.
-- ARGV: the step, as redis_table.py writes it.
--
-- A Redis reads its clock once for a script: nothing expires within a step.

local marker, version, servers, shorts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local texts, writers, versions, tasks = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local next_key, next_argument = 9, 1

local function word()
  next_argument = next_argument + 1
  return ARGV[next_argument - 1]
end
local function number() return tonumber(word()) end

local server, ttl, bye, short = word(), number(), word() == '1', word()
local new_marker, marker_known, expected_marker = word(), word() == '1', word()
local remember_ms, records_at_most, tasks_at_most = number(), number(), number()
local since, news_at_most, take = word(), number(), number() -- a large number loses digits as text
local prefix = number() -- length of what stands before a token in the key of its owner

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

local BATCH = 1000 -- no command takes more than some thousand values of a table; even, for pairs
local function in_batches(list, work)
  for first = 1, #list, BATCH do
    work(unpack(list, first, math.min(first + BATCH - 1, #list)))
  end
end

-- The next list of the step: tokens, and who owns them now, where false stands for nobody.
local function tokens()
  local list = {names = {}, keys = {}, owners = {}}
  for i = 1, number() do
    list.keys[i] = KEYS[next_key]
    list.names[i] = string.sub(KEYS[next_key], prefix + 1)
    next_key = next_key + 1
  end
  in_batches(list.keys, function(...)
    for _, owner in ipairs(redis.call('MGET', ...)) do
      list.owners[#list.owners + 1] = owner
    end
  end)
  return list
end

-- The table's name: without it, this is a new one, or one that has been emptied.
local mark = redis.call('GET', marker)
if not mark then
  mark = new_marker .. ':' .. (marker_known and clock[1] or '')
  redis.call('SET', marker, mark)
end
local is_expected = string.match(mark, '^[^:]*') == expected_marker

-- Servers whose time has run out are forgotten.
in_batches(redis.call('ZRANGEBYSCORE', servers, '-inf', now), function(...)
  redis.call('ZREM', servers, ...)
  redis.call('HDEL', shorts, ...)
end)

-- Kept.
local keep, lost, mine = tokens(), {}, {}
for i, name in ipairs(keep.names) do
  local owner = keep.owners[i]
  if owner == server then
    redis.call('PEXPIRE', keep.keys[i], ttl)
  elseif not owner then
    redis.call('SET', keep.keys[i], server, 'PX', ttl)
  end
  if owner and owner ~= server then
    lost[#lost + 1] = name
  else
    mine[name] = true
  end
end

-- Published.
local records = tokens()
local latest = tonumber(redis.call('GET', version) or 0)
local new_texts, new_writers, new_versions = {}, {}, {}
for i, name in ipairs(records.names) do
  local text, owner, at = word(), records.owners[i], #new_texts
  local is_latest = owner == server
  if not owner then
    local known = is_expected and tonumber(since) or 0
    is_latest = redis.call('HGET', writers, name) == server
      or tonumber(redis.call('ZSCORE', versions, name) or 0) <= known
  end
  if is_latest then
    latest = latest + 1
    new_texts[at + 1], new_texts[at + 2] = name, text
    new_writers[at + 1], new_writers[at + 2] = name, server
    new_versions[at + 1], new_versions[at + 2] = latest, name
  end
end
in_batches(new_texts, function(...) redis.call('HSET', texts, ...) end)
in_batches(new_writers, function(...) redis.call('HSET', writers, ...) end)
in_batches(new_versions, function(...) redis.call('ZADD', versions, ...) end)
if #new_texts > 0 then redis.call('SET', version, latest) end

local over = redis.call('ZCARD', versions) - records_at_most
if over > 0 then
  local forgotten = redis.call('ZRANGE', versions, 0, over - 1)
  in_batches(forgotten, function(...)
    redis.call('ZREM', versions, ...)
    redis.call('HDEL', texts, ...)
    redis.call('HDEL', writers, ...)
  end)
end

-- Given back.
local give = tokens()
for i, name in ipairs(give.names) do
  if give.owners[i] == server then
    redis.call('DEL', give.keys[i])
    mine[name] = nil
  end
end

-- Taken. A token that the server has already is taken as well: a reply may have been lost. None of
-- those that are given back is among them, and none twice: Portions has seen to that.
local want, taken = tokens(), {}
for i, name in ipairs(is_expected and want.names or {}) do
  if #taken >= take then break end
  local owner = want.owners[i]
  if not owner or owner == server then
    redis.call('SET', want.keys[i], server, 'PX', ttl)
    taken[#taken + 1] = name
    mine[name] = true
  end
end

-- Actions of the owner: a JSON list for each token, until the token's server comes.
for _ = 1, number() do
  local name, text = word(), word()
  local waiting = cjson.decode(redis.call('HGET', tasks, name) or '[]')
  if #waiting < tasks_at_most then
    waiting[#waiting + 1] = text
    redis.call('HSET', tasks, name, cjson.encode(waiting))
  end
end
local my_tasks = {}
for _, name in ipairs(redis.call('HKEYS', tasks)) do
  if mine[name] then
    my_tasks[#my_tasks + 1] = name
    my_tasks[#my_tasks + 1] = redis.call('HGET', tasks, name)
    redis.call('HDEL', tasks, name)
  end
end

-- The servers, and what the others lack.
redis.call('ZREM', servers, server)
redis.call('HDEL', shorts, server)
local lacks = redis.call('HVALS', shorts)
if not bye then
  redis.call('ZADD', servers, now + ttl, server)
  redis.call('HSET', shorts, server, short)
end

-- News, if the portion is the last. One more than are told says that there is more.
local found = news_at_most == 0 and {} or redis.call(
  'ZRANGEBYSCORE', versions, '(' .. since, '+inf', 'WITHSCORES', 'LIMIT', 0, news_at_most + 1)
local news, names, told, more = {}, {}, latest, 0
for i = 1, math.min(#found, 2 * news_at_most), 2 do names[#names + 1] = found[i] end
if #found > 2 * news_at_most then -- each with its version
  told, more = tonumber(found[2 * news_at_most]), 1
end
in_batches(names, function(...)
  local told_texts, told_writers = redis.call('HMGET', texts, ...), redis.call('HMGET', writers, ...)
  for i, name in ipairs({...}) do
    if told_texts[i] and told_writers[i] ~= server then
      news[#news + 1] = name
      news[#news + 1] = told_texts[i]
    end
  end
end)

for i = 2, 8 do redis.call('PEXPIRE', KEYS[i], remember_ms) end

return {
  mark, clock[1], clock[2], lost, taken, redis.call('ZCARD', servers), lacks, news, told, more,
  my_tasks,
}
