import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { calendarWindow } from '../../runtime/core/access/calendar-window.ts'
import type { Charge, ChargeOutcome, CounterCharge, CounterWindow, LeaseCharge, RateCharge, State } from '../../runtime/core/state/state.ts'

/** A store whose time the test holds. `state` is the same store all along; `begin` empties it and sets its time. */
export interface StatePlace {
  readonly state: State
  begin(nowMs: number): Promise<void>
  advance(ms: number): Promise<void>
  now(): number
  close(): Promise<void>
}

const at = (text: string) => Date.parse(text)
/** Far ahead, so that no store takes what is written for something that has ended. */
export const suiteBeginMs = at('2090-01-01T00:00:00Z')

const fixed = (lengthMs: number): CounterWindow => ({ kind: 'fixed', lengthMs })
const flexi = (lengthMs: number): CounterWindow => ({ kind: 'flexi', lengthMs })
const total: CounterWindow = { kind: 'total' }
const rolling = (lengthMs: number, slices: number): CounterWindow => ({ kind: 'rolling', lengthMs, slices })
const quota = (limit: number, window: CounterWindow, more: Partial<CounterCharge> = {}): CounterCharge => ({ kind: 'counter', key: 'quota/a', limit, cost: 1, window, mode: 'enforce', ...more })
const spike = (intervalMs: number, burst: number, more: Partial<RateCharge> = {}): RateCharge => ({ kind: 'rate', key: 'spike/a', intervalMs, burst, cost: 1, maxDelayMs: 0, ...more })
const slot = (limit: number, token: string, ttlMs = 1000): LeaseCharge => ({ kind: 'lease', key: 'slots/a', limit, token, ttlMs })

/** What every state has to keep, wherever it is kept. */
export function stateSuite(name: string, makePlace: () => Promise<StatePlace>): void {
  describe(`state in ${name}`, () => {
    let place: StatePlace
    let state: State
    beforeAll(async () => {
      place = await makePlace()
      state = place.state
    })
    afterAll(() => place?.close())
    beforeEach(() => place.begin(suiteBeginMs))

    const charge = async (...charges: Charge[]): Promise<ChargeOutcome> => state.charge(charges, 'closed')
    const passes = async (...charges: Charge[]): Promise<boolean> => (await charge(...charges)).allowed
    async function admitted(times: number, ...charges: Charge[]): Promise<number> {
      let count = 0
      for (let each = 0; each < times; each++) if (await passes(...charges)) count++
      return count
    }

    describe('quotas', () => {
      test('a fixed window admits its limit and says when it ends', async () => {
        await place.advance(250)
        expect(await admitted(5, quota(3, fixed(1000)))).toBe(3)
        const { limits, refusedBy, allowed } = await charge(quota(3, fixed(1000)))
        expect({ allowed, refusedBy }).toEqual({ allowed: false, refusedBy: 0 })
        expect(limits).toEqual([{ allowed: false, limit: 3, used: 3, remaining: 0, resetsAtMs: suiteBeginMs + 1000, retryAtMs: suiteBeginMs + 1000 }])
        await place.advance(749)
        expect(await passes(quota(3, fixed(1000)))).toBe(false)
        await place.advance(1)
        expect(await admitted(5, quota(3, fixed(1000)))).toBe(3)
      })

      test('a changed limit holds for the next request, with what was used already', async () => {
        expect(await admitted(9, quota(3, fixed(1000)))).toBe(3)
        expect(await admitted(9, quota(5, fixed(1000)))).toBe(2)
        expect((await charge(quota(1, fixed(1000)))).limits[0]).toMatchObject({ allowed: false, used: 5, remaining: 0 })
      })

      test('windows of several lengths under one key count apart', async () => {
        const both = [quota(2, fixed(1000)), quota(5, fixed(60_000)), quota(9, rolling(60_000, 6)), quota(9, flexi(60_000))]
        expect(await admitted(4, ...both)).toBe(2)
        await place.advance(1000)
        expect(await admitted(4, ...both)).toBe(2)
        await place.advance(1000)
        expect(await admitted(4, ...both)).toBe(1)
        expect((await charge(...both)).refusedBy).toBe(1)
      })

      test('a flexi window begins with its first call', async () => {
        await place.advance(700)
        expect(await admitted(3, quota(2, flexi(1000)))).toBe(2)
        await place.advance(999)
        expect(await passes(quota(2, flexi(1000)))).toBe(false)
        await place.advance(1)
        expect((await charge(quota(2, flexi(1000)))).limits[0]).toMatchObject({ used: 1, resetsAtMs: place.now() + 1000 })
      })

      test('a calendar month ends where the month of its zone ends, not after 31 days', async () => {
        const window = calendarWindow('month', 1, 'Asia/Taipei')
        await place.begin(at('2090-01-31T15:59:59.000Z'))
        expect(await admitted(3, quota(2, window))).toBe(2)
        await place.advance(1000)
        expect(await admitted(3, quota(2, window))).toBe(2)
        await place.advance(at('2090-02-28T15:59:59.999Z') - place.now())
        expect(await passes(quota(2, window))).toBe(false)
        await place.advance(1)
        expect(await passes(quota(2, window))).toBe(true)
      })

      test('a calendar day has as many hours as its zone gives it', async () => {
        const window = calendarWindow('day', 1, 'Europe/Berlin')
        await place.begin(at('2090-03-25T23:00:00Z')) // clocks go forward on Sunday, the 26th, at 01:00 UTC
        expect(await admitted(2, quota(1, window))).toBe(1)
        await place.advance(23 * 3_600_000 - 1)
        expect(await passes(quota(1, window))).toBe(false)
        await place.advance(1)
        expect(await passes(quota(1, window))).toBe(true)
        await place.begin(at('2090-10-28T22:00:00Z'))
        expect(await admitted(2, quota(1, window))).toBe(1)
        await place.advance(24 * 3_600_000)
        expect(await passes(quota(1, window))).toBe(false)
        await place.advance(3_600_000)
        expect(await passes(quota(1, window))).toBe(true)
      })

      test('a total admits its limit once and for all, and names no time at which it would admit more', async () => {
        expect(await admitted(5, quota(3, total))).toBe(3)
        await place.advance(40 * 365 * 86_400_000)
        expect(await charge(quota(3, total))).toMatchObject({ allowed: false, refusedBy: 0, limits: [{ allowed: false, limit: 3, used: 3, remaining: 0, resetsAtMs: Infinity, retryAtMs: Infinity }] })
        expect(await admitted(5, quota(4, total))).toBe(1)
        expect((await charge(quota(9, total, { mode: 'peek' }))).limits[0]).toMatchObject({ allowed: true, used: 4, remaining: 5 })
        expect((await charge(quota(3, total, { mode: 'count', cost: 2 }))).limits[0]).toMatchObject({ allowed: false, used: 6, remaining: 0, resetsAtMs: Infinity })
      })

      test('a total is charged in one step with windows that end, in either order', async () => {
        const [daily, once] = [quota(2, fixed(1000)), quota(3, total)]
        expect(await admitted(4, daily, once)).toBe(2)
        expect((await charge(once, { ...daily, mode: 'peek' })).limits[0]).toMatchObject({ used: 3 })
        await place.advance(1000)
        expect(await charge(daily, once)).toMatchObject({ allowed: false, refusedBy: 1, limits: [{ allowed: true, used: 0 }, { allowed: false, used: 3 }] })
        expect(await charge(once, daily, slot(1, 'a'))).toMatchObject({ allowed: false, refusedBy: 0, limits: [{}, { used: 0 }, { used: 0 }] })
        expect(await passes(quota(5, total), quota(5, total))).toBe(true)
        expect(await passes(quota(6, total), quota(6, total))).toBe(false)
      })

      test('a cost is charged whole or not at all, and one above the limit never passes', async () => {
        expect(await passes(quota(10, fixed(1000), { cost: 7 }))).toBe(true)
        expect((await charge(quota(10, fixed(1000), { cost: 4 }))).limits[0]).toMatchObject({ allowed: false, used: 7, remaining: 3 })
        expect(await passes(quota(10, fixed(1000), { cost: 3 }))).toBe(true)
        expect((await charge(quota(10, fixed(1000), { cost: 11 }))).limits[0]?.retryAtMs).toBe(Infinity)
      })

      test('a cost of nothing passes always and begins no window', async () => {
        expect(await passes(quota(0, fixed(1000), { cost: 0 }))).toBe(true)
        await charge(quota(1, flexi(1000), { cost: 0 }))
        await place.advance(500)
        expect((await charge(quota(1, flexi(1000)))).limits[0]?.resetsAtMs).toBe(place.now() + 1000)
        expect(await passes(quota(1, flexi(1000), { cost: 0 }))).toBe(true)
      })

      test('counting goes above the limit, looking counts nothing, and neither refuses', async () => {
        const count = quota(1, fixed(1000), { mode: 'count' })
        expect((await charge(count)).limits[0]).toMatchObject({ allowed: true, used: 1 })
        expect(await charge(count)).toMatchObject({ allowed: true, refusedBy: -1, limits: [{ allowed: false, used: 2, remaining: 0 }] })
        const look = await charge(quota(2, fixed(1000), { mode: 'peek' }))
        expect(look).toMatchObject({ allowed: true, limits: [{ allowed: false, used: 2, remaining: 0 }] })
        expect((await charge(quota(3, fixed(1000), { mode: 'peek' }))).limits[0]).toMatchObject({ allowed: true, used: 2, remaining: 1 })
      })

      test('numbers that cannot be counted are refused before they spoil a count', () => {
        for (const cost of [-1, 0.5, NaN, Infinity]) expect(() => state.charge([quota(1, fixed(1000), { cost })], 'open')).toThrow(RangeError)
      })
    })

    describe('rolling windows', () => {
      test('nothing comes free before a whole length has passed', async () => {
        const window = rolling(1000, 4)
        await place.advance(249)
        expect(await admitted(3, quota(2, window))).toBe(2)
        const refused = (await charge(quota(2, window))).limits[0]!
        expect(refused.retryAtMs).toBe(suiteBeginMs + 1250)
        await place.advance(refused.retryAtMs - 1 - place.now())
        expect(await passes(quota(2, window))).toBe(false)
        await place.advance(1)
        expect(await admitted(3, quota(2, window))).toBe(2)
      })

      test('no stretch of one length ever sees more than the limit, and none is refused that had room a slice earlier', async () => {
        const step = fc.record({ waitMs: fc.integer({ min: 0, max: 400 }), cost: fc.integer({ min: 1, max: 3 }) })
        await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 7 }), fc.array(step, { maxLength: 30 }), async (limit, slices, steps) => {
          await place.begin(suiteBeginMs + limit)
          const lengthMs = 700
          const widthMs = Math.ceil(lengthMs / slices)
          const seen: { atMs: number; cost: number }[] = []
          const within = (backMs: number) => seen.filter(({ atMs }) => atMs >= place.now() - backMs).reduce((sum, { cost }) => sum + cost, 0)
          for (const { waitMs, cost } of steps) {
            await place.advance(waitMs)
            const ok = await passes(quota(limit, rolling(lengthMs, slices), { cost }))
            if (ok) seen.push({ atMs: place.now(), cost })
            else expect(within(lengthMs + widthMs) + cost).toBeGreaterThan(limit)
            expect(within(lengthMs)).toBeLessThanOrEqual(limit)
          }
        }), { numRuns: 30 })
      })
    })

    describe('rates', () => {
      test('a burst of one lets one pass per interval: thirty a minute is one in two seconds', async () => {
        const thirty = spike(2000, 1)
        expect(await passes(thirty)).toBe(true)
        await place.advance(1000)
        expect((await charge(thirty)).limits[0]).toEqual({ allowed: false, limit: 1, used: 1, remaining: 0, resetsAtMs: suiteBeginMs + 2000, retryAtMs: suiteBeginMs + 2000 })
        await place.advance(1000)
        expect(await passes(thirty)).toBe(true)
      })

      test('a burst is there at once and comes back one per interval', async () => {
        expect(await admitted(9, spike(1000, 4))).toBe(4)
        await place.advance(2000)
        expect(await admitted(9, spike(1000, 4))).toBe(2)
      })

      test('a third of a second is no rounding error away', async () => {
        expect(await admitted(5, spike(1000 / 3, 3))).toBe(3)
        await place.advance(1000)
        expect(await admitted(5, spike(1000 / 3, 3))).toBe(3)
      })

      test('a cost above the burst passes at rest and is paid off', async () => {
        expect(await passes(spike(1000, 1, { cost: 5 }))).toBe(true)
        await place.advance(4999)
        expect(await passes(spike(1000, 1))).toBe(false)
        await place.advance(1)
        expect(await passes(spike(1000, 1))).toBe(true)
        expect(await passes(spike(1000, 1, { cost: 0 }))).toBe(true)
      })

      test('who may be delayed is told for how long, in order, and refused beyond the longest delay', async () => {
        const patient = spike(1000, 1, { maxDelayMs: 2000 })
        expect(await charge(patient)).toMatchObject({ allowed: true, delayMs: 0 })
        expect(await charge(patient)).toMatchObject({ allowed: true, delayMs: 1000 })
        expect(await charge(patient)).toMatchObject({ allowed: true, delayMs: 2000 })
        expect(await charge(patient)).toMatchObject({ allowed: false, delayMs: 0, limits: [{ retryAtMs: suiteBeginMs + 1000 }] })
      })
    })

    describe('leases', () => {
      test('slots are held until they are released or their time is over', async () => {
        expect(await passes(slot(2, 'a', 1000))).toBe(true)
        expect(await passes(slot(2, 'b', 3000))).toBe(true)
        expect(await charge(slot(2, 'c'))).toMatchObject({ allowed: false, limits: [{ used: 2, remaining: 0, retryAtMs: suiteBeginMs + 1000 }] })
        await state.release([{ key: 'slots/a', token: 'b' }])
        expect(await passes(slot(2, 'c', 5000))).toBe(true)
        await place.advance(999)
        expect(await passes(slot(2, 'd'))).toBe(false)
        await place.advance(1)
        expect(await passes(slot(2, 'd'))).toBe(true)
      })

      test('a slot is renewed by charging it again, also when the limit is lower now', async () => {
        await charge(slot(2, 'a', 1000))
        await charge(slot(2, 'b', 1000))
        await place.advance(900)
        expect(await charge(slot(1, 'a', 1000))).toMatchObject({ allowed: true, limits: [{ used: 2, remaining: 0 }] })
        await place.advance(900)
        expect(await charge(slot(1, 'c', 1000))).toMatchObject({ allowed: false, limits: [{ used: 1 }] })
        await place.advance(100)
        expect(await passes(slot(1, 'c', 1000))).toBe(true)
      })

      test('no slots are no slots', async () => {
        expect((await charge(slot(0, 'a'))).limits[0]).toMatchObject({ allowed: false, retryAtMs: Infinity })
      })
    })

    describe('several limits', () => {
      test('all are charged or none, whichever refuses', async () => {
        const wide = quota(100, fixed(1000), { key: 'quota/wide' })
        const level = quota(100, rolling(1000, 5), { key: 'quota/level', mode: 'count' })
        await charge(spike(10_000, 1), slot(1, 'held'), quota(1, flexi(5000)))
        for (const refusing of [spike(10_000, 1), slot(1, 'other'), quota(1, flexi(5000))]) {
          const refused = await charge(wide, level, slot(9, 'fresh', 1000), spike(1000, 9, { key: 'spike/b' }), refusing)
          expect(refused).toMatchObject({ allowed: false })
        }
        const look = await charge({ ...wide, mode: 'peek' }, { ...level, mode: 'peek' })
        expect(look.limits.map(({ used }) => used)).toEqual([0, 0])
        expect((await charge(slot(9, 'held'))).limits[0]?.used).toBe(1)
        expect((await charge(spike(1000, 9, { key: 'spike/b' }))).limits[0]?.used).toBe(1)
      })

      test('two charges of one counter see each other', async () => {
        expect(await passes(quota(3, fixed(1000), { cost: 2 }), quota(3, fixed(1000), { cost: 2 }))).toBe(false)
        expect((await charge(quota(4, fixed(1000), { cost: 2 }), quota(4, fixed(1000), { cost: 2 }))).limits.map(({ used }) => used)).toEqual([4, 4])
        expect(await passes(slot(1, 'x'), slot(1, 'y'))).toBe(false)
        expect(await passes(slot(1, 'x'), slot(1, 'x'))).toBe(true)
      })

      test('nothing to charge passes', async () => {
        expect(await charge()).toMatchObject({ allowed: true, limits: [], refusedBy: -1 })
      })
    })

    describe('corrections', () => {
      test('what was not used is given back, to the window it was taken from', async () => {
        const all = [quota(2, fixed(1000)), quota(2, flexi(1000)), quota(2, rolling(1000, 10)), spike(1000, 2)]
        const { atMs } = await charge(...all)
        await charge(...all)
        expect(await passes(...all)).toBe(false)
        await state.refund(all, atMs)
        expect(await admitted(2, ...all)).toBe(1)
        await place.advance(1000)
        await charge(quota(2, fixed(1000)))
        await state.refund([quota(2, fixed(1000))], atMs)
        expect((await charge(quota(2, fixed(1000), { mode: 'peek' }))).limits[0]?.used).toBe(1)
      })

      test('what was not used of a total is given back however late', async () => {
        const { atMs } = await charge(quota(3, total, { cost: 3 }))
        await place.advance(86_400_000)
        await state.refund([quota(3, total, { cost: 2 })], atMs)
        expect(await admitted(5, quota(3, total))).toBe(2)
      })

      test('giving back never makes more than the limit', async () => {
        for (const window of [fixed(1000), flexi(1000), rolling(1000, 10), calendarWindow('day', 1, 'UTC'), total]) {
          const one = quota(2, window)
          await charge(one)
          for (let times = 0; times < 3; times++) await state.refund([one])
          expect(await admitted(5, one)).toBe(2)
        }
      })

      test('an operator adds to what is left, sets it, or begins the count anew', async () => {
        for (const window of [fixed(1000), flexi(1000), rolling(1000, 10), calendarWindow('day', 1, 'UTC'), total]) {
          const one = quota(5, window)
          expect(await admitted(9, one)).toBe(5)
          expect(await state.adjust(one, { op: 'add', amount: 2 })).toMatchObject({ allowed: true, used: 3, remaining: 2 })
          expect(await admitted(9, one)).toBe(2)
          expect(await state.adjust(one, { op: 'set', amount: 7 })).toMatchObject({ used: 0, remaining: 7 })
          expect(await admitted(9, one)).toBe(7)
          expect(await state.adjust(one, { op: 'zero', amount: 0 })).toMatchObject({ used: 0, remaining: 5 })
          expect(await admitted(9, one)).toBe(5)
          expect(await state.adjust(one, { op: 'set', amount: 0 })).toMatchObject({ allowed: false, remaining: 0 })
        }
      })
    })

    describe('a model', () => {
      test('any mixture of charges, releases and time gives what a list of past events says', async () => {
        await fc.assert(fc.asyncProperty(fc.array(modelStep, { maxLength: 40 }), async (steps) => {
          await place.begin(modelBeginMs)
          const model = createModel()
          for (const step of steps) {
            if (step.kind === 'wait') {
              await place.advance(step.ms)
            } else if (step.kind === 'release') {
              await state.release([{ key: 'slots/a', token: step.token }])
              model.release(step.token)
            } else {
              const outcome = await state.charge(step.charges, 'closed')
              const expected = model.charge(step.charges, place.now())
              expect({ allowed: outcome.allowed, refusedBy: outcome.refusedBy, delayMs: outcome.delayMs, used: outcome.limits.map(({ used }) => used) }).toEqual(expected)
            }
          }
        }), { numRuns: 60 })
      })

      test('what a refusal names as the earliest time is the earliest time', async () => {
        await fc.assert(fc.asyncProperty(anyLimit, fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 12 }), async (one, waits) => {
          await place.begin(modelBeginMs)
          let count = 0
          const next = (): Charge => (one.kind === 'lease' ? { ...one, token: `t${count++}` } : one)
          for (const ms of [...waits, 0, 0, 0, 0, 0, 0]) {
            await place.advance(ms)
            const { allowed, limits } = await charge(next())
            if (allowed) continue
            const { retryAtMs } = limits[0]!
            if (retryAtMs === Infinity) {
              await place.advance(10 * 86_400_000)
              expect(await passes(next())).toBe(false)
              return
            }
            await place.advance(retryAtMs - 1 - place.now())
            expect(await passes(next())).toBe(false)
            await place.advance(1)
            expect(await passes(next())).toBe(true)
          }
        }), { numRuns: 60 })
      })
    })

    describe('records', () => {
      test('a value is there until its time is over', async () => {
        await state.records.set('a', '深色 \u0000', 1000)
        expect(await state.records.get('a')).toBe('深色 \u0000')
        expect(await state.records.get('b')).toBeUndefined()
        await place.advance(2000)
        expect(await state.records.get('a')).toBeUndefined()
      })

      test('of many who set what is absent one is first, and the others get its value', async () => {
        const answers = await Promise.all(['x', 'y', 'z'].map((value) => state.records.setIfAbsent('once', value, 60_000)))
        expect(answers).toEqual([undefined, 'x', 'x'])
        await state.records.delete('once')
        expect(await state.records.setIfAbsent('once', 'again', 60_000)).toBeUndefined()
      })

      test('a value is replaced only by who knows it', async () => {
        await state.records.set('a', '1', 60_000)
        expect(await state.records.replace('a', '0', '2', 60_000)).toBe(false)
        expect(await state.records.replace('a', '1', '2', 60_000)).toBe(true)
        expect(await state.records.replace('missing', '1', '2', 60_000)).toBe(false)
        expect(await state.records.get('a')).toBe('2')
      })

      test('keys above 512 bytes and values above 1 MB are refused', async () => {
        await expect(state.records.set('字'.repeat(171), '', 1000)).rejects.toMatchObject({ code: 'state.too_large' })
        await expect(state.records.set('a', 'x'.repeat(1_048_577), 1000)).rejects.toMatchObject({ code: 'state.too_large' })
        await state.records.set('k'.repeat(512), 'x'.repeat(1_048_576), 60_000)
        expect((await state.records.get('k'.repeat(512)))?.length).toBe(1_048_576)
      })

      test('a full group refuses the newcomer or sends the oldest away', async () => {
        const join = (member: string, whenFull: 'refuse' | 'evict', cap = 2) => state.records.join('g', member, { cap, whenFull, ttlMs: 1000 })
        expect(await join('a', 'refuse')).toEqual({ joined: true, evicted: [] })
        expect(await join('b', 'refuse')).toEqual({ joined: true, evicted: [] })
        expect(await join('c', 'refuse')).toEqual({ joined: false, evicted: [] })
        expect(await join('a', 'refuse')).toEqual({ joined: true, evicted: [] })
        expect(await join('c', 'evict')).toEqual({ joined: true, evicted: ['a'] })
        expect(await state.records.members('g')).toEqual(['b', 'c'])
        expect(await join('d', 'evict', 1)).toEqual({ joined: true, evicted: ['b', 'c'] })
        expect(await join('e', 'evict', 0)).toEqual({ joined: false, evicted: [] })
        await state.records.leave('g', 'd')
        expect(await state.records.members('g')).toEqual([])
      })

      test('a member that was not touched in time has left', async () => {
        const join = (member: string) => state.records.join('g', member, { cap: 2, whenFull: 'refuse', ttlMs: 1000 })
        await join('a')
        await join('b')
        await place.advance(600)
        await join('a')
        await place.advance(600)
        expect(await state.records.members('g')).toEqual(['a'])
        expect(await join('c')).toEqual({ joined: true, evicted: [] })
        expect(await state.records.members('g')).toEqual(['a', 'c'])
      })
    })
  })
}

const modelBeginMs = at('2090-03-25T20:00:00Z')
const berlin = calendarWindow('day', 1, 'Europe/Berlin')

const anyWindow = fc.constantFrom<CounterWindow>(fixed(1000), fixed(60_000), flexi(1500), rolling(900, 3), rolling(50, 50), berlin, total)
const anyCounter = fc.record({ window: anyWindow, limit: fc.integer({ min: 0, max: 6 }), cost: fc.integer({ min: 0, max: 3 }), mode: fc.constantFrom<CounterCharge['mode']>('enforce', 'enforce', 'enforce', 'count', 'peek') })
  .map((parts): CounterCharge => ({ kind: 'counter', key: 'quota/m', ...parts }))
const anyRate = fc.record({ intervalMs: fc.constantFrom(200, 1000), burst: fc.integer({ min: 1, max: 4 }), cost: fc.integer({ min: 0, max: 5 }), maxDelayMs: fc.constantFrom(0, 0, 500) })
  .map((parts): RateCharge => ({ kind: 'rate', key: 'spike/m', ...parts }))
const anyToken = fc.constantFrom('a', 'b', 'c', 'd')
const anyLease = fc.record({ limit: fc.integer({ min: 0, max: 3 }), token: anyToken, ttlMs: fc.constantFrom(300, 1000) })
  .map((parts): LeaseCharge => ({ kind: 'lease', key: 'slots/a', ...parts }))
const anyLimit = fc.oneof(anyCounter.map((one): Charge => ({ ...one, mode: 'enforce', limit: one.limit + 1 })), anyRate, anyLease)

/** Random use of a state. */
export const modelStep = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.oneof(anyCounter, anyRate, anyLease), { minLength: 1, maxLength: 4 }).map((charges) => ({ kind: 'charge' as const, charges: charges as Charge[] })) },
  { weight: 3, arbitrary: fc.oneof(fc.integer({ min: 0, max: 1200 }), fc.constant(86_400_000)).map((ms) => ({ kind: 'wait' as const, ms })) },
  { weight: 1, arbitrary: anyToken.map((token) => ({ kind: 'release' as const, token })) },
)

interface Past {
  readonly charge: CounterCharge | RateCharge
  readonly atMs: number
}

/** Remembers everything that was ever charged, and adds it up anew each time. */
function createModel() {
  let past: Past[] = []
  let held = new Map<string, number>()

  const same = (one: CounterWindow, other: CounterWindow) => JSON.stringify(one) === JSON.stringify(other)

  function usedOf(charge: CounterCharge, nowMs: number): number {
    const { window } = charge
    const events = past.filter((event): event is { charge: CounterCharge; atMs: number } => event.charge.kind === 'counter' && same(event.charge.window, window))
    const counts = (inWindow: (atMs: number) => boolean) => events.reduce((sum, { atMs, charge: { cost } }) => (inWindow(atMs) ? sum + cost : sum), 0)
    if (window.kind === 'fixed') return counts((atMs) => Math.floor(atMs / window.lengthMs) === Math.floor(nowMs / window.lengthMs))
    if (window.kind === 'total') return counts(() => true)
    if (window.kind === 'calendar') return counts((atMs) => atMs >= window.boundsAt(nowMs).startMs)
    if (window.kind === 'rolling') {
      const widthMs = Math.ceil(window.lengthMs / window.slices)
      return counts((atMs) => (Math.floor(atMs / widthMs) + 1) * widthMs + window.lengthMs > nowMs)
    }
    let startMs = -Infinity
    for (const { atMs, charge: { cost } } of events) if (cost > 0 && atMs >= startMs + window.lengthMs) startMs = atMs
    return nowMs < startMs + window.lengthMs ? counts((atMs) => atMs >= startMs) : 0
  }

  /** Fill of the bucket in milliseconds, which runs out as time passes. */
  function fillMs(nowMs: number): number {
    let fill = 0
    let lastMs = nowMs
    for (const { charge, atMs } of past) {
      if (charge.kind !== 'rate') continue
      fill = Math.max(0, fill - (lastMs === nowMs && fill === 0 ? 0 : atMs - lastMs)) + charge.cost * charge.intervalMs
      lastMs = atMs
    }
    return Math.max(0, fill - (nowMs - lastMs))
  }

  function tryOne(charge: Charge, nowMs: number): { fits: boolean; delayMs: number } {
    if (charge.kind === 'counter') {
      const fits = charge.cost === 0 || usedOf(charge, nowMs) + charge.cost <= charge.limit
      if (charge.mode === 'count' || (charge.mode === 'enforce' && fits)) past.push({ charge, atMs: nowMs })
      return { fits, delayMs: 0 }
    }
    if (charge.kind === 'rate') {
      if (charge.cost === 0) return { fits: true, delayMs: 0 }
      const delayMs = Math.max(0, fillMs(nowMs) + (Math.min(charge.cost, charge.burst) - charge.burst) * charge.intervalMs)
      if (delayMs > charge.maxDelayMs) return { fits: false, delayMs: 0 }
      past.push({ charge, atMs: nowMs })
      return { fits: true, delayMs }
    }
    if (!held.has(charge.token) && held.size >= charge.limit) return { fits: false, delayMs: 0 }
    held.set(charge.token, nowMs + charge.ttlMs)
    return { fits: true, delayMs: 0 }
  }

  function after(charge: Charge, nowMs: number): number {
    if (charge.kind === 'counter') return usedOf(charge, nowMs)
    if (charge.kind === 'rate') return Math.ceil(fillMs(nowMs) / charge.intervalMs)
    return held.size
  }

  return {
    release: (token: string) => void held.delete(token),
    charge(charges: readonly Charge[], nowMs: number) {
      for (const [token, endMs] of held) if (endMs <= nowMs) held.delete(token)
      const before = { past: [...past], held: new Map(held) }
      const tried = charges.map((one) => tryOne(one, nowMs))
      const refusedBy = charges.findIndex((one, index) => !tried[index]!.fits && (one.kind !== 'counter' || one.mode === 'enforce'))
      if (refusedBy >= 0) ({ past, held } = before)
      return {
        allowed: refusedBy < 0,
        refusedBy,
        delayMs: refusedBy < 0 ? Math.max(0, ...tried.map(({ delayMs }) => delayMs)) : 0,
        used: charges.map((one) => after(one, nowMs)),
      }
    },
  }
}
