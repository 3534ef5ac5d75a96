import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { defaultWeights, type Line, type LinePolicy, type Place } from '../../runtime/core/lines/lines.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { Priority } from '../../runtime/core/lines/priority.ts'
import { type ClusterLines, openClusterLines } from '../../runtime/schedule/cluster/cluster-lines.ts'
import type { RedisAddress } from '../../runtime/schedule/redis-connection.ts'
import { startRedis, type TestRedis } from '../kit/redis.ts'

const policy = (more: Partial<LinePolicy> = {}): LinePolicy => ({ order: 'strict', slots: 2, ageingShare: 0.05, weights: defaultWeights, maxDepth: 10_000, ...more })

let redis: TestRedis
let gateways: ClusterLines[] = []
let names = 0
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())
afterEach(async () => {
  redis.thaw()
  await Promise.all(gateways.map((gateway) => gateway.close()))
  gateways = []
})

const quiet = { prefix: 'sluice:', answerMs: 300, clock: systemClock, log: silentLog, metrics: { count() {} } }

async function open(count: number, more: Partial<LinePolicy> = {}, shares = count, address: RedisAddress = { url: redis.url }): Promise<{ lines: readonly Line[]; counted: string[] }> {
  const name = `host ${++names}`
  const counted: string[] = []
  const opened = Array.from({ length: count }, () => openClusterLines({ ...quiet, ...address, shares, metrics: { count: (metric) => void counted.push(metric) } }))
  gateways.push(...opened)
  for (const gateway of opened) expect(await gateway.connected(5000)).toBe(true)
  return { lines: opened.map((gateway) => gateway.open({ name, scope: 'cluster', policy: policy(more) }).line), counted }
}

/** A way to Redis that can be cut: connections then stay, and nothing comes through them any more. */
async function startTunnel({ hostname, port }: URL): Promise<{ readonly url: string; cut(): void; close(): void }> {
  const ends = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(Number(port), hostname)
    for (const end of [near, far]) ends.add(end.on('error', () => {}))
    near.pipe(far)
    far.pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      for (const end of ends) end.unpipe().pause()
    },
    close() {
      server.close()
      for (const end of ends) end.destroy()
    },
  }
}

/** Comes to a line; resolves when it is settled. */
function come(line: Line, priority: Priority, patienceMs = 10_000): { readonly place: Place; readonly settled: Promise<Place> } {
  let place!: Place
  const settled = new Promise<Place>((resolve) => {
    place = line.enter(priority, patienceMs, resolve)
    if (place.state !== 'waiting') resolve(place)
  })
  return { place, settled }
}

describe('a line that gateways share', { timeout: 30_000 }, () => {
  test('never has more under way than its slots, on however many gateways, and gives every one its turn', async () => {
    const { lines } = await open(4, { slots: 5 })
    let under = 0
    let most = 0
    let turns = 0
    await Promise.all(Array.from({ length: 400 }, async (_, at) => {
      const line = lines[at % 4] as Line
      const { place, settled } = come(line, (at % 10) as Priority)
      expect((await settled).state).toBe('admitted')
      most = Math.max(most, ++under)
      await pause(2)
      under -= 1
      turns += 1
      line.leave(place)
    }))
    expect({ turns, most: most <= 5, used: most > 1 }).toEqual({ turns: 400, most: true, used: true })
  })

  test('lets the most important begin first, whichever gateway asks, then who came first', async () => {
    const { lines: [one, other] } = await open(2, { slots: 1, ageingShare: 0 })
    const first = come(one!, 5)
    await first.settled
    const order: string[] = []
    const waiting: Promise<unknown>[] = []
    for (const [name, line, priority] of [['nine', one!, 9], ['five', other!, 5], ['zero', other!, 0], ['zero again', one!, 0]] as const) {
      const { place, settled } = come(line, priority)
      waiting.push(settled.then(() => {
        order.push(name)
        line.leave(place)
      }))
      await pause(120)
    }
    one!.leave(first.place)
    await Promise.all(waiting)
    expect(order).toEqual(['zero', 'zero again', 'five', 'nine'])
  })

  test('lets the longest-waiting of the unimportant begin in time, however many important ones come', async () => {
    const { lines: [line] } = await open(1, { slots: 1, ageingShare: 0.1 })
    const first = come(line!, 0)
    await first.settled
    let starts = 0
    let unimportant = 0
    const waiting: Promise<void>[] = []
    const stand = (priority: Priority) => {
      const { place, settled } = come(line!, priority)
      waiting.push(settled.then(async () => {
        starts += 1
        if (priority === 9) unimportant = starts
        await pause(1)
        line!.leave(place)
      }))
    }
    stand(9)
    await pause(20)
    for (let i = 0; i < 40; i += 1) stand(0)
    await pause(150)
    line!.leave(first.place)
    await Promise.all(waiting)
    expect(unimportant).toBeGreaterThan(0)
    expect(unimportant).toBeLessThanOrEqual(25)
  })

  test('gives classes turns by their weight, also the unimportant', async () => {
    const { lines: [line] } = await open(1, { slots: 1, order: 'weighted', weights: [3, 3, 3, 3, 3, 3, 3, 3, 3, 1] })
    const first = come(line!, 5)
    await first.settled
    const order: Priority[] = []
    const waiting: Promise<void>[] = []
    for (let i = 0; i < 40; i += 1) {
      for (const priority of [0, 9] as const) {
        const { place, settled } = come(line!, priority)
        waiting.push(settled.then(() => {
          order.push(priority)
          line!.leave(place)
        }))
      }
    }
    await pause(200)
    line!.leave(first.place)
    await Promise.all(waiting)
    const early = order.slice(0, 40).filter((priority) => priority === 9).length
    expect(early).toBeGreaterThanOrEqual(6)
    expect(early).toBeLessThanOrEqual(14)
  })

  test('says when the time is over, and takes the ticket out', async () => {
    const { lines: [line] } = await open(1, { slots: 1 })
    const first = come(line!, 5)
    await first.settled
    const late = await come(line!, 5, 60).settled
    expect(late).toMatchObject({ state: 'refused', reason: 'expired' })
    const next = come(line!, 5)
    line!.leave(first.place)
    expect((await next.settled).state).toBe('admitted')
    line!.leave(next.place)
  })

  test('forgets who leaves, also when the turn is on its way', async () => {
    const { lines: [one, other] } = await open(2, { slots: 1 })
    for (let round = 0; round < 20; round += 1) {
      const first = come(one!, 5)
      await first.settled
      const gone = come(other!, 0)
      const next = come(other!, 9)
      await pause(round % 4)
      one!.leave(first.place)
      other!.leave(gone.place)
      expect((await next.settled).state).toBe('admitted')
      other!.leave(next.place)
    }
  })

  test('frees what a gateway held that died, and starts nothing twice', async () => {
    const { lines: [dead, alive] } = await open(2, { slots: 1 })
    const held = come(dead!, 0)
    await held.settled
    const waits = come(alive!, 5, 20_000)
    const begun = performance.now()
    gateways[0]!.kill()
    expect((await waits.settled).state).toBe('admitted')
    expect(performance.now() - begun).toBeLessThan(8000)
    alive!.leave(waits.place)
  })

  test('tells a caller whose turn was taken by a gateway that died before it said so', async () => {
    const { lines: [line] } = await open(1, { slots: 1 })
    const first = come(line!, 5)
    await first.settled
    const waits = come(line!, 5, 20_000)
    await pause(50)
    // A gateway that takes the turn and is never heard of again.
    const queue = `line.${Buffer.from(line!.facts().name).toString('base64url')}`
    const take = "local ticket = redis.call('ZPOPMIN', KEYS[1])[1]; redis.call('DEL', KEYS[2]); redis.call('LPUSH', KEYS[2], ticket); redis.call('SET', KEYS[3] .. ticket .. ':lock', 'dead', 'PX', 500); return ticket"
    const [waiting, active, any] = ['prioritized', 'active', ''].map((key) => `sluice:lines:${queue}:${key}`)
    expect(await redis.client.eval(take, 3, waiting!, active!, any!)).toMatch(/^[0-9a-f]{12}-\d+-\d+$/)
    const begun = performance.now()
    expect(await waits.settled).toMatchObject({ state: 'refused', reason: 'lost' })
    expect(performance.now() - begun).toBeLessThan(5000)
  })

  test('tells a caller whose ticket the store lost, within seconds', async () => {
    const { lines: [line] } = await open(1, { slots: 1 })
    const first = come(line!, 5)
    await first.settled
    const waits = come(line!, 5, 20_000)
    await pause(50)
    await redis.client.flushall()
    expect(await waits.settled).toMatchObject({ state: 'refused', reason: 'lost' })
    line!.leave(first.place)
  })

  test('goes on with each gateway’s share while Redis is away, and together again afterwards', async () => {
    const { lines, counted } = await open(2, { slots: 4 }, 2)
    const warm = come(lines[0]!, 5)
    await warm.settled
    redis.freeze()
    const places = lines.flatMap((line) => Array.from({ length: 4 }, () => ({ line, ...come(line, 5, 30_000) })))
    const early = await Promise.all(places.map(({ settled }) => Promise.race([settled.then(({ state }) => state), pause(2000).then(() => 'waiting')])))
    expect(early.filter((state) => state === 'admitted').length).toBe(4)
    expect(counted).toContain('lines_lost')
    redis.thaw()
    await Promise.all(places.map(async ({ line, place, settled }) => {
      await settled
      line.leave(place)
    }))
    lines[0]!.leave(warm.place)
    await expect.poll(() => gateways.every(({ healthy }) => healthy), { timeout: 5000 }).toBe(true)
    const again = come(lines[1]!, 5)
    expect((await again.settled).state).toBe('admitted')
    lines[1]!.leave(again.place)
  })

  test('gives nobody a turn while Redis is away where it is told so, and says that at once; who has one goes on', async () => {
    const { lines: [line] } = await open(1, { slots: 1, whenAway: 'refuse' })
    const first = come(line!, 5)
    await first.settled
    const waiting = come(line!, 0)
    redis.freeze()
    expect(await waiting.settled).toMatchObject({ state: 'refused', reason: 'unavailable', retryAfterMs: 1000 })
    expect(come(line!, 0).place).toMatchObject({ state: 'refused', reason: 'unavailable' })
    line!.leave(first.place)
    redis.thaw()
    await expect.poll(() => gateways[0]!.healthy).toBe(true)
    const again = come(line!, 5)
    expect((await again.settled).state).toBe('admitted')
    line!.leave(again.place)
  })

  test('comes together again though connections lead nowhere without having been closed', async () => {
    const tunnel = await startTunnel(new URL(redis.url))
    try {
      const { lines: [far], counted } = await open(1, { slots: 1 }, 2, { url: tunnel.url, silentMs: 500 })
      const near = openClusterLines({ ...quiet, url: redis.url, shares: 2 })
      gateways.push(near)
      await near.connected(5000)
      const { line } = near.open({ name: far!.facts().name, scope: 'cluster', policy: policy({ slots: 1 }) })
      tunnel.cut()
      const alone = come(far!, 5)
      expect((await alone.settled).state).toBe('admitted')
      expect(counted).toContain('lines_lost')
      far!.leave(alone.place)
      await expect.poll(() => gateways[0]!.healthy).toBe(true)
      const first = come(line, 5)
      await first.settled
      // The turn comes by the other connection, on which nothing was asked.
      const second = come(far!, 5)
      await pause(100)
      expect(second.place.state).toBe('waiting')
      line.leave(first.place)
      expect((await second.settled).state).toBe('admitted')
      far!.leave(second.place)
    } finally {
      tunnel.close()
    }
  })

  test('starts no faster than the rate of all gateways together', async () => {
    const { lines } = await open(2, { slots: Infinity, ratePerSecond: 50, burst: 1 })
    const begun = performance.now()
    await Promise.all(Array.from({ length: 20 }, async (_, at) => {
      const { place, settled } = come(lines[at % 2]!, 5)
      await settled
      lines[at % 2]!.leave(place)
    }))
    expect(performance.now() - begun).toBeGreaterThan(300)
  })

  test('asks Redis little for callers who come one after the other while most slots are free', async () => {
    const { lines: [line] } = await open(1, { slots: 100 })
    const scripts = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.client.info('commandstats'))?.[1] ?? 0)
    const turn = async () => {
      const { place, settled } = come(line!, 5)
      expect((await settled).state).toBe('admitted')
      line!.leave(place)
      await new Promise((resolve) => setImmediate(resolve))
    }
    for (let i = 0; i < 20; i += 1) await turn()
    await pause(50)
    const before = await scripts()
    for (let i = 0; i < 200; i += 1) await turn()
    expect((await scripts()) - before).toBeLessThan(200)
  })

  /** Keeps so many coming to each line; `under` is how many are under way at present. */
  function crowd(lines: readonly Line[], each: number) {
    const facts = { under: 0, begun: 0, stop: false }
    const done = Promise.all(lines.flatMap((line) => Array.from({ length: each }, async () => {
      while (!facts.stop) {
        const { place, settled } = come(line, 5, 30_000)
        if ((await settled).state !== 'admitted') return
        facts.under += 1
        facts.begun += 1
        await pause(3)
        facts.under -= 1
        line.leave(place)
      }
    })))
    return { facts, done }
  }

  test('has no more under way than the new slots soon after they became fewer, though somebody always waits', async () => {
    const { lines } = await open(2, { slots: 8 })
    const { facts, done } = crowd(lines, 10)
    await pause(300)
    const name = lines[0]!.facts().name
    const again = gateways.map((gateway) => gateway.open({ name, scope: 'cluster', policy: policy({ slots: 1 }) }))
    await pause(300)
    let most = 0
    for (let look = 0; look < 50; look += 1) {
      most = Math.max(most, facts.under)
      await pause(4)
    }
    facts.stop = true
    await done
    for (const held of again) held.close()
    expect(most).toBe(1)
  })

  test('stops for all gateways when one of them is told to, and goes on', async () => {
    const { lines } = await open(2, { slots: 4 })
    const { facts, done } = crowd(lines, 6)
    await pause(200)
    const operated = gateways[0]!.find(lines[0]!.facts().name)!
    await operated.pause()
    await expect.poll(() => facts.under, { timeout: 3000 }).toBe(0)
    const begun = facts.begun
    await pause(200)
    expect(facts.begun).toBe(begun)
    await operated.resume()
    await expect.poll(() => facts.begun, { timeout: 3000 }).toBeGreaterThan(begun + 20)
    facts.stop = true
    await done
  })

  test('gives a gateway with few callers its turns beside one with many', async () => {
    const { lines: [busy, quiet] } = await open(2, { slots: 2 })
    const { facts, done } = crowd([busy!], 20)
    await pause(200)
    for (let i = 0; i < 5; i += 1) {
      const { place, settled } = come(quiet!, 5, 5000)
      expect((await settled).state).toBe('admitted')
      quiet!.leave(place)
    }
    facts.stop = true
    await done
  })

  test('keeps nothing of the request in Redis: a ticket says only which gateway asks', async () => {
    const { lines: [line] } = await open(1, { slots: 1 })
    const [first, second] = [come(line!, 5), come(line!, 5)]
    await first.settled
    await pause(50)
    const keys = await redis.client.keys('*')
    const hashes = keys.filter((key) => key.startsWith(`sluice:lines:line.${Buffer.from(line!.facts().name).toString('base64url')}:`) && /:[0-9a-f]{12}-\d+-\d+$/.test(key))
    expect(hashes.length).toBe(2)
    for (const key of hashes) expect(JSON.parse((await redis.client.hget(key, 'data')) as string)).toEqual({ g: expect.stringMatching(/^[0-9a-f]{12}$/) as string })
    line!.leave(first.place)
    await second.settled
    line!.leave(second.place)
    await expect.poll(async () => (await redis.client.keys('*')).filter((key) => key.startsWith(`sluice:lines:line.${Buffer.from(line!.facts().name).toString('base64url')}:`) && /:[0-9a-f]{12}-\d+-\d+$/.test(key)).length).toBe(0)
  })
})
