/**
 * What happens inside Redis, where nothing comes in between. The sums are those of `cells.ts`, in the same order, so that
 * both stores give the same figures; the shared suite holds them to it. Time is Redis' own.
 *
 * Six arguments a charge: kind (f x c s t of counters by window, r, l), limit, cost, mode or longest delay, and two more: length
 * and slice width, or start and end, or interval, or life time and token. Stored shapes: windows `start:end:used`, rolling
 * `slice:count;…` in order, totals the count, rates the time of rest, leases a sorted set of tokens by end. All but totals expire.
 */
const library = (time: string) => `
local function int(text) return tonumber(text) end
local function text(number) return string.format('%.0f', number) end
local clock = ${time}
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local never = -1
local tolerance = 0.001
-- Keys outlive what they count a little: what counts is decided by what they hold.
local grace = 1000

local function charges(from)
  local list = {}
  for place = 1, #KEYS do
    local at = from + (place - 1) * 6
    list[place] = {
      key = KEYS[place], kind = ARGV[at], limit = int(ARGV[at + 1]), cost = int(ARGV[at + 2]), mode = ARGV[at + 3],
      one = int(ARGV[at + 4]), two = ARGV[at + 5],
    }
  end
  return list
end

local function outside(list)
  for _, charge in ipairs(list) do
    if charge.kind == 'c' and (now < charge.one or now >= int(charge.two)) then return true end
  end
  return false
end

local window, rolling, total, rate, lease = {}, {}, {}, {}, {}

function window.load(charge)
  local cell = { used = 0, pending = 0, starts = 0, ends = 0 }
  local starts, ends, used = string.match(redis.call('GET', charge.key) or '', '^(-?%d+):(-?%d+):(-?%d+)$')
  if starts then cell.starts, cell.ends, cell.used = int(starts), int(ends), int(used) end
  if charge.kind == 'c' then
    cell.starts, cell.ends = charge.one, int(charge.two)
  elseif not (now < cell.ends and cell.starts <= now + charge.one) then
    cell.used, cell.starts, cell.ends = 0, 0, 0
    if charge.kind == 'f' then
      cell.starts = math.floor(now / charge.one) * charge.one
      cell.ends = cell.starts + charge.one
    end
  end
  return cell
end
function window.save(cell, charge)
  redis.call('SET', charge.key, text(cell.starts) .. ':' .. text(cell.ends) .. ':' .. text(cell.used), 'PXAT', text(cell.ends + grace))
end
function window.add(cell, charge, cost)
  if charge.kind == 'x' and cell.ends == 0 then cell.starts, cell.ends = now, now + charge.one end
  cell.used = cell.used + cost
  window.save(cell, charge)
end
function window.resets(cell, charge)
  if charge.kind == 'x' and cell.ends == 0 then return now + charge.one end
  return cell.ends
end
function window.frees(cell) return cell.ends end
function window.clear(cell, charge) redis.call('DEL', charge.key) cell.used = 0 if charge.kind == 'x' then cell.starts, cell.ends = 0, 0 end end
function window.refund(cell, charge, at)
  if cell.ends == 0 or (at and at < cell.starts) then return end
  cell.used = math.max(cell.used - charge.cost, math.min(cell.used, 0))
  window.save(cell, charge)
end

local function leaves(cell, charge, place) return (cell.slices[place] + 1) * int(charge.two) + charge.one end
local function drop(cell, place)
  cell.used = cell.used - cell.counts[place]
  table.remove(cell.slices, place)
  table.remove(cell.counts, place)
end
function rolling.load(charge)
  local cell = { used = 0, pending = 0, slices = {}, counts = {} }
  for slice, count in string.gmatch(redis.call('GET', charge.key) or '', '(%d+):(-?%d+)') do
    table.insert(cell.slices, int(slice))
    table.insert(cell.counts, int(count))
    cell.used = cell.used + int(count)
  end
  while #cell.slices > 0 and leaves(cell, charge, 1) <= now do drop(cell, 1) end
  while #cell.slices > 0 and cell.slices[#cell.slices] * int(charge.two) > now + charge.one do drop(cell, #cell.slices) end
  return cell
end
function rolling.save(cell, charge)
  if #cell.slices == 0 then redis.call('DEL', charge.key) return end
  local parts = {}
  for place = 1, #cell.slices do parts[place] = text(cell.slices[place]) .. ':' .. text(cell.counts[place]) end
  redis.call('SET', charge.key, table.concat(parts, ';'), 'PXAT', text(leaves(cell, charge, #cell.slices) + grace))
end
function rolling.add(cell, charge, cost)
  cell.used = cell.used + cost
  local left, place = cost, 1
  while left < 0 and place <= #cell.slices do
    local taken = math.min(-left, math.max(0, cell.counts[place]))
    cell.counts[place] = cell.counts[place] - taken
    left = left + taken
    if cell.counts[place] == 0 then table.remove(cell.slices, place) table.remove(cell.counts, place) else place = place + 1 end
  end
  if left ~= 0 then
    local last = #cell.slices
    local slice = math.max(math.floor(now / int(charge.two)), cell.slices[last] or 0)
    if cell.slices[last] == slice then
      cell.counts[last] = cell.counts[last] + left
    else
      table.insert(cell.slices, slice)
      table.insert(cell.counts, left)
    end
  end
  rolling.save(cell, charge)
end
function rolling.resets(cell, charge) if #cell.slices == 0 then return now end return leaves(cell, charge, 1) end
function rolling.frees(cell, charge, needed)
  local freed = 0
  for place = 1, #cell.slices do
    freed = freed + cell.counts[place]
    if freed >= needed then return leaves(cell, charge, place) end
  end
  return never
end
function rolling.clear(cell, charge) redis.call('DEL', charge.key) cell.used, cell.slices, cell.counts = 0, {}, {} end
function rolling.refund(cell, charge, at)
  local place = 1
  if at then
    place = nil
    for each = 1, #cell.slices do if cell.slices[each] == math.floor(at / int(charge.two)) then place = each end end
  end
  local taken = place and math.min(charge.cost, math.max(0, cell.counts[place] or 0)) or 0
  if taken == 0 then return end
  cell.counts[place] = cell.counts[place] - taken
  if cell.counts[place] == 0 then table.remove(cell.slices, place) table.remove(cell.counts, place) end
  rolling.save(cell, charge)
end

function total.load(charge) return { used = int(redis.call('GET', charge.key) or '0'), pending = 0 } end
function total.add(cell, charge, cost)
  cell.used = cell.used + cost
  if cell.used == 0 then redis.call('DEL', charge.key) else redis.call('SET', charge.key, text(cell.used)) end
end
function total.resets() return never end
function total.frees() return never end
function total.clear(cell, charge) redis.call('DEL', charge.key) cell.used = 0 end
function total.refund(cell, charge)
  local left = math.max(cell.used - charge.cost, math.min(cell.used, 0))
  if left ~= cell.used then total.add(cell, charge, left - cell.used) end
end

local counter = {}
function counter.take(cell, charge)
  local fits = charge.cost == 0 or cell.used + cell.pending + charge.cost <= charge.limit
  if charge.mode == 'count' or (fits and charge.mode == 'enforce') then cell.pending = cell.pending + charge.cost end
  return fits
end
function counter.settle(cell, charge, accepted)
  if accepted and cell.pending > 0 then cell.of.add(cell, charge, cell.pending) end
  cell.pending = 0
end
function counter.state(cell, charge)
  local over = charge.cost == 0 and 0 or cell.used + charge.cost - charge.limit
  local retry = now
  if over > 0 then
    if charge.cost > charge.limit then retry = never else retry = cell.of.frees(cell, charge, over) end
  end
  return math.max(0, cell.used), math.max(0, charge.limit - cell.used), cell.of.resets(cell, charge), retry
end

function rate.load(charge) return { rest = tonumber(redis.call('GET', charge.key) or '0'), pending = 0 } end
function rate.take(cell, charge)
  if charge.cost == 0 then return true, 0 end
  local rest = math.max(cell.rest, now) + cell.pending
  local delay = rest + math.min(charge.cost, charge.limit) * charge.one - charge.limit * charge.one - now
  if delay > int(charge.mode) + tolerance then return false, 0 end
  cell.pending = cell.pending + charge.cost * charge.one
  return true, math.max(0, math.ceil(delay - tolerance))
end
function rate.save(cell, charge)
  redis.call('SET', charge.key, string.format('%.17g', cell.rest), 'PXAT', text(math.max(now, math.ceil(cell.rest)) + grace))
end
function rate.settle(cell, charge, accepted)
  if accepted and cell.pending > 0 then
    cell.rest = math.max(cell.rest, now) + cell.pending
    rate.save(cell, charge)
  end
  cell.pending = 0
end
function rate.state(cell, charge)
  local rest = math.max(cell.rest, now)
  local used = math.ceil((rest - now - tolerance) / charge.one)
  local free = rest + math.min(charge.cost, charge.limit) * charge.one - charge.limit * charge.one - int(charge.mode)
  local retry = charge.cost == 0 and now or math.max(now, math.ceil(free - tolerance))
  return math.max(0, used), math.max(0, math.min(charge.limit, charge.limit - used)), math.ceil(rest - tolerance), retry
end
function rate.refund(cell, charge)
  if cell.rest == 0 then return end
  cell.rest = cell.rest - charge.cost * charge.one
  rate.save(cell, charge)
end

function lease.load(charge)
  redis.call('ZREMRANGEBYSCORE', charge.key, '-inf', text(now))
  return { used = redis.call('ZCARD', charge.key), taken = 0, pending = {} }
end
function lease.take(cell, charge)
  local fresh = not cell.pending[charge.two] and not redis.call('ZSCORE', charge.key, charge.two)
  if fresh and cell.used + cell.taken >= charge.limit then return false end
  if fresh then cell.taken = cell.taken + 1 end
  cell.pending[charge.two] = now + charge.one
  return true
end
function lease.settle(cell, charge, accepted)
  if accepted and next(cell.pending) then
    for token, ends in pairs(cell.pending) do redis.call('ZADD', charge.key, text(ends), token) end
    redis.call('PEXPIREAT', charge.key, text(int(redis.call('ZRANGE', charge.key, -1, -1, 'WITHSCORES')[2]) + grace))
    cell.used = redis.call('ZCARD', charge.key)
  end
  cell.pending, cell.taken = {}, 0
end
function lease.state(cell, charge)
  local retry, resets = now, now
  if cell.used > 0 then resets = int(redis.call('ZRANGE', charge.key, 0, 0, 'WITHSCORES')[2]) end
  if cell.used >= charge.limit then
    retry = never
    local place = cell.used - charge.limit
    if charge.limit > 0 then retry = int(redis.call('ZRANGE', charge.key, place, place, 'WITHSCORES')[2]) end
  end
  return cell.used, math.max(0, charge.limit - cell.used), resets, retry
end

local kinds = { f = window, x = window, c = window, s = rolling, t = total, r = rate, l = lease }
for _, kind in ipairs({ window, rolling, total }) do kind.take, kind.settle, kind.state = counter.take, counter.settle, counter.state end

-- One cell a key, so that charges of one key see each other.
local cells = {}
local function cellOf(charge)
  local cell = cells[charge.key]
  if not cell then
    cell = kinds[charge.kind].load(charge)
    cell.of = kinds[charge.kind]
    cells[charge.key] = cell
  end
  return cell
end
`

/** All or none. Gives `0 now refusedBy delay` and five figures a limit, or `1 now` when a calendar window is not the one of now. */
const chargeScript = (time: string) => `${library(time)}
local list = charges(1)
if outside(list) then return { 1, now } end
local fits, refused, delay = {}, -1, 0
for place, charge in ipairs(list) do
  local fit, asked = cellOf(charge).of.take(cellOf(charge), charge)
  fits[place] = fit
  if asked and asked > delay then delay = asked end
  if not fit and refused < 0 and (charge.kind == 'r' or charge.kind == 'l' or charge.mode == 'enforce') then refused = place - 1 end
end
local answer = { 0, now, refused, refused < 0 and delay or 0 }
for _, charge in ipairs(list) do cellOf(charge).of.settle(cellOf(charge), charge, refused < 0) end
for place, charge in ipairs(list) do
  local used, remaining, resets, retry = cellOf(charge).of.state(cellOf(charge), charge)
  table.insert(answer, fits[place] and 1 or 0)
  table.insert(answer, used)
  table.insert(answer, remaining)
  table.insert(answer, resets)
  table.insert(answer, retry)
end
return answer
`

/**
 * As the script above, for windows and rates of which no two have the same key: nearly all charges are such, and without
 * the library's tables and functions they take a third of the time.
 */
const plainScript = (time: string) => `
local clock = ${time}
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local tolerance, grace = 0.001, 1000
local held = redis.call('MGET', unpack(KEYS))
local answer = { 0, now, -1, 0 }
local limits, costs, ones, used, starts, ends, writes = {}, {}, {}, {}, {}, {}, {}
local refused, delay = -1, 0
for place = 1, #KEYS do
  local at = place * 6 - 5
  local kind, limit, cost, mode, one = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3], tonumber(ARGV[at + 4])
  local fits
  limits[place], costs[place], ones[place] = limit, cost, one
  if kind == 'r' then
    local rest = tonumber(held[place] or '0')
    local asked = math.max(rest, now) + math.min(cost, limit) * one - limit * one - now
    fits = cost == 0 or asked <= tonumber(mode) + tolerance
    if fits and cost > 0 then
      delay = math.max(delay, math.ceil(asked - tolerance))
      writes[place] = math.max(rest, now) + cost * one
    end
    used[place] = rest
  else
    local count, from, to = 0, 0, 0
    if kind == 't' then
      count = tonumber(held[place] or '0')
    elseif held[place] then
      local a, b, c = string.match(held[place], '^(-?%d+):(-?%d+):(-?%d+)$')
      if a then from, to, count = tonumber(a), tonumber(b), tonumber(c) end
    end
    if kind == 'c' then
      from, to = one, tonumber(ARGV[at + 5])
      if now < from or now >= to then return { 1, now } end
    elseif kind ~= 't' and not (now < to and from <= now + one) then
      count, from, to = 0, 0, 0
      if kind == 'f' then
        from = math.floor(now / one) * one
        to = from + one
      end
    end
    fits = cost == 0 or count + cost <= limit
    if cost > 0 and (mode == 'count' or (fits and mode == 'enforce')) then writes[place] = count + cost end
    used[place], starts[place], ends[place] = count, from, to
  end
  if not fits and refused < 0 and (kind == 'r' or mode == 'enforce') then refused = place - 1 end
  answer[place * 5] = fits and 1 or 0
end
answer[3] = refused
if refused < 0 then answer[4] = delay end
for place = 1, #KEYS do
  local kind, limit, cost, one, now_used = ARGV[place * 6 - 5], limits[place], costs[place], ones[place], used[place]
  local write = refused < 0 and writes[place]
  local out = place * 5
  if kind == 'r' then
    if write then
      now_used = write
      redis.call('SET', KEYS[place], string.format('%.17g', write), 'PXAT', string.format('%.0f', math.max(now, math.ceil(write)) + grace))
    end
    local rest = math.max(now_used, now)
    local taken = math.ceil((rest - now - tolerance) / one)
    local free = rest + math.min(cost, limit) * one - limit * one - tonumber(ARGV[place * 6 - 2])
    answer[out + 1] = math.max(0, taken)
    answer[out + 2] = math.max(0, math.min(limit, limit - taken))
    answer[out + 3] = math.ceil(rest - tolerance)
    answer[out + 4] = cost == 0 and now or math.max(now, math.ceil(free - tolerance))
  else
    local from, to = starts[place], ends[place]
    if kind == 't' then
      to = -1
      if write then
        now_used = write
        redis.call('SET', KEYS[place], string.format('%.0f', write))
      end
    elseif write then
      if to == 0 then from, to = now, now + one end
      now_used = write
      redis.call('SET', KEYS[place], string.format('%.0f:%.0f:%.0f', from, to, write), 'PXAT', string.format('%.0f', to + grace))
    end
    answer[out + 1] = math.max(0, now_used)
    answer[out + 2] = math.max(0, limit - now_used)
    answer[out + 3] = to == 0 and now + one or to
    answer[out + 4] = (cost == 0 or now_used + cost <= limit) and now or (cost > limit and -1 or to)
  end
end
return answer
`

/** First argument: when it was charged, or nothing. */
const refundScript = (time: string) => `${library(time)}
local at = tonumber(ARGV[1])
for _, charge in ipairs(charges(2)) do
  if charge.kind == 'l' then
    redis.call('ZREM', charge.key, charge.two)
  elseif charge.mode ~= 'peek' and redis.call('EXISTS', charge.key) == 1 then
    kinds[charge.kind].refund(kinds[charge.kind].load(charge), charge, at)
  end
end
return now
`

/** First two arguments: what to do, and by how much. Answers as a charge does. */
const adjustScript = (time: string) => `${library(time)}
local op, amount = ARGV[1], tonumber(ARGV[2])
local list = charges(3)
if outside(list) then return { 1, now } end
local charge = list[1]
local cell = cellOf(charge)
if op == 'zero' then
  cell.of.clear(cell, charge)
else
  local target = op == 'add' and cell.used - amount or charge.limit - amount
  if target ~= cell.used then cell.of.add(cell, charge, target - cell.used) end
end
local used, remaining, resets, retry = cell.of.state(cell, charge)
local fits = charge.cost == 0 or cell.used + charge.cost <= charge.limit
return { 0, now, -1, 0, fits and 1 or 0, used, remaining, resets, retry }
`

/** Value, expected or absent, life time. */
const replaceScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
`

/** Two sorted sets a group: members by end, and in the order in which they came. */
const groups = (time: string) => `
local clock = ${time}
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local ends, order = KEYS[1], KEYS[2]
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', string.format('%.0f', now))) do
  redis.call('ZREM', ends, gone)
  redis.call('ZREM', order, gone)
end
`

/** Member, cap, `evict` or `refuse`, life time. Gives whether it joined, then who was evicted. */
const joinScript = (time: string) => `${groups(time)}
local member, cap, whenFull, ttl = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local answer = { 1 }
if not redis.call('ZSCORE', ends, member) then
  local size = redis.call('ZCARD', ends)
  if cap < 1 or (size >= cap and whenFull == 'refuse') then return { 0 } end
  if size >= cap then
    for _, oldest in ipairs(redis.call('ZRANGE', order, 0, size - cap)) do
      redis.call('ZREM', ends, oldest)
      redis.call('ZREM', order, oldest)
      table.insert(answer, oldest)
    end
  end
  local last = redis.call('ZRANGE', order, -1, -1, 'WITHSCORES')[2]
  redis.call('ZADD', order, string.format('%.0f', (tonumber(last) or 0) + 1), member)
end
redis.call('ZADD', ends, string.format('%.0f', now + ttl), member)
local until_ = string.format('%.0f', tonumber(redis.call('ZRANGE', ends, -1, -1, 'WITHSCORES')[2]) + 1000)
redis.call('PEXPIREAT', ends, until_)
redis.call('PEXPIREAT', order, until_)
return answer
`

const membersScript = (time: string) => `${groups(time)}
return redis.call('ZRANGE', order, 0, -1)
`

const cacheClock = (time: string) => `
local clock = ${time}
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
`

/** Entry, prefix of marks. Gives the time, and what was found. */
const cacheGetScript = (time: string) => `${cacheClock(time)}
local mark = string.format('%.0f', now)
local entry = redis.call('HMGET', KEYS[1], 's', 't', 'h', 'b')
if not entry[1] then return { mark } end
if entry[2] ~= '' then
  local since, marks = tonumber(entry[1]), {}
  for tag in string.gmatch(entry[2], '%S+') do marks[#marks + 1] = KEYS[2] .. tag end
  for _, purged in ipairs(redis.call('MGET', unpack(marks))) do
    if purged and tonumber(purged) >= since then
      redis.call('DEL', KEYS[1])
      return { mark }
    end
  end
end
return { mark, entry[3], entry[4] }
`

/** Entry, prefix of marks; since when it was made or nothing, life time, head, whether there is a body, body, name, its own mark, its tags. */
const cacheSetScript = (time: string) => `${cacheClock(time)}
local since = ARGV[1] == '' and now or tonumber(ARGV[1])
local marks, tags = { KEYS[2] .. 'n' }, {}
for at = 7, #ARGV do
  marks[#marks + 1] = KEYS[2] .. ARGV[at]
  if at > 7 then tags[#tags + 1] = ARGV[at] end
end
for _, purged in ipairs(redis.call('MGET', unpack(marks))) do
  if purged and tonumber(purged) >= since then return 0 end
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 's', string.format('%.0f', since), 't', table.concat(tags, ' '), 'h', ARGV[3])
if ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'b', ARGV[5]) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'n', ARGV[6]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`

/**
 * Entries, their marks, marks of tags; how many entries, life times of both kinds of marks. Gives the marks there were, of tags as text or nothing;
 * those of the last half minute are of gateways that do the same.
 */
const cachePurgeScript = (time: string) => `${cacheClock(time)}
local count = tonumber(ARGV[1])
local mark = string.format('%.0f', now)
local before = {}
for at = 1, #KEYS do
  if at <= count then redis.call('DEL', KEYS[at])
  else
    if at > 2 * count then
      local old = redis.call('GET', KEYS[at])
      before[#before + 1] = old and tonumber(old) < now - 30000000 and old or ''
    end
    redis.call('SET', KEYS[at], mark, 'PX', at <= 2 * count and ARGV[2] or ARGV[3])
  end
end
return before
`

/**
 * Prefix of marks, entries; whether they go, how many tags, then each tag with the mark it had before it was purged, or nothing. Of those
 * entries with one of the tags that could be found until then: how many went, or their names, each behind the place of its entry.
 */
const cacheSweepScript = `
local before, count = {}, tonumber(ARGV[2])
for at = 1, count do before[ARGV[2 * at + 1]] = ARGV[2 * at + 2] end
local gone, names = 0, {}
for place = 2, #KEYS do
  local entry = redis.call('HMGET', KEYS[place], 's', 't', 'n')
  if entry[1] and entry[2] ~= '' then
    local since, meant, found = tonumber(entry[1]), false, true
    for tag in string.gmatch(entry[2], '%S+') do
      local purged = before[tag]
      if purged then meant = true else purged = redis.call('GET', KEYS[1] .. tag) end
      if purged and purged ~= '' and tonumber(purged) >= since then found = false end
    end
    if meant and ARGV[1] == '1' then
      redis.call('DEL', KEYS[place])
      if found and entry[3] then gone = gone + 1 end
    elseif meant and found and entry[3] then
      names[#names + 1] = tostring(place - 2)
      names[#names + 1] = entry[3]
    end
  end
end
if ARGV[1] == '1' then return { tostring(gone) } end
return names
`

/** All scripts by the name of their command. `time` is the Lua expression that gives seconds and microseconds. */
export function redisScripts(time = "redis.call('TIME')"): Readonly<Record<`sluice${'Charge' | 'Plain' | 'Refund' | 'Adjust' | 'Replace' | 'Join' | 'Members' | 'CacheGet' | 'CacheSet' | 'CachePurge' | 'CacheSweep'}`, string>> {
  return {
    sluiceCharge: chargeScript(time),
    sluicePlain: plainScript(time),
    sluiceRefund: refundScript(time),
    sluiceAdjust: adjustScript(time),
    sluiceReplace: replaceScript,
    sluiceJoin: joinScript(time),
    sluiceMembers: membersScript(time),
    sluiceCacheGet: cacheGetScript(time),
    sluiceCacheSet: cacheSetScript(time),
    sluiceCachePurge: cachePurgeScript(time),
    sluiceCacheSweep: cacheSweepScript,
  }
}
