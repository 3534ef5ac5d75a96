import type { StateCache } from '../core/state/cache.ts'
import type { Charge, ChargeOutcome, OnLoss, State } from '../core/state/state.ts'
import { checkCharge } from './cell-key.ts'
import { createMemoryState } from './memory-state.ts'
import { createRedisCache } from './redis-cache.ts'
import { Lost, openRedisLink, type RedisLinkOptions } from './redis-link.ts'
import { createRedisRecords, unavailable } from './redis-records.ts'
import { atOf, isOutside, isPlain, toArguments, toLimitState, toOutcome } from './redis-wire.ts'
import { decideWithoutStore } from './without-store.ts'

export interface RedisStateOptions extends RedisLinkOptions {
  /** Into how many parts a limit is divided while Redis is away and a node says `share`: the number of gateways. */
  readonly shares: number
  /** 32 bytes that cached values and records are sealed under; absent: they lie in Redis in clear. */
  readonly cacheKey?: Buffer | undefined
  /** In place of the cache in this Redis. */
  readonly cache?: StateCache
}

export interface RedisState extends State {
  /** Resolves with true at the first connection, or with false after so long without one. */
  connected(limitMs: number): Promise<boolean>
}

const complaintPauseMs = 10_000

/**
 * State of many gateways on one Redis (7 or newer). Connects by itself, now and whenever the connection is lost; until
 * then every charge is decided at once by its `onLoss`.
 */
export function openRedisState(options: RedisStateOptions): RedisState {
  const { shares, clock, log, metrics } = options
  const link = openRedisLink(options)
  // Goes on in the store's time, so that its windows are those of Redis.
  const local = createMemoryState({ clock: { now: link.now } })

  function decide(charges: readonly Charge[], onLoss: OnLoss): ChargeOutcome {
    metrics.count('state_degraded', { how: onLoss })
    return decideWithoutStore(charges, onLoss, link.now(), local, shares)
  }

  /** One broken key can be asked for by every request: one line in a while says it. */
  let quietUntil = 0
  function complain(reason: string): void {
    if (clock.elapsed() < quietUntil) return
    quietUntil = clock.elapsed() + complaintPauseMs
    log.error({ reason }, 'The shared state could not make sense of a charge; the node decides without it.')
  }

  async function ask(command: 'sluiceCharge' | 'sluiceAdjust', charges: readonly Charge[], first: readonly (string | number)[], late?: (answer: readonly number[]) => void): Promise<readonly number[]> {
    let nowMs = link.now()
    for (let tries = 0; tries < 2; tries++) {
      const sentMs = clock.now()
      const args = toArguments(charges, nowMs, first)
      const script = command === 'sluiceCharge' && isPlain(charges, args) ? 'sluicePlain' : command
      const answer = (await link.ask('charge', (redis) => redis[script](charges.length, ...args), late as (answer: unknown) => void)) as number[]
      link.heard(atOf(answer), sentMs)
      if (!isOutside(answer)) return answer
      nowMs = atOf(answer)
    }
    throw new Lost('the calendar window changed twice within one charge')
  }

  async function chargeRedis(charges: readonly Charge[], onLoss: OnLoss): Promise<ChargeOutcome> {
    let decided: ChargeOutcome | undefined
    try {
      const answer = await ask('sluiceCharge', charges, [], (lateAnswer) => {
        if (isOutside(lateAnswer)) return
        // It was refused here and charged there: nobody used it.
        if (decided?.allowed === false && toOutcome(lateAnswer, charges).allowed) void refundRedis(charges, atOf(lateAnswer))
      })
      return toOutcome(answer, charges)
    } catch (thrown) {
      if (!(thrown instanceof Lost)) throw thrown
      if ((thrown.cause as Error | undefined)?.name === 'ReplyError' && link.healthy) complain(thrown.message)
      decided = decide(charges, onLoss)
      return decided
    }
  }

  async function refundRedis(charges: readonly Charge[], chargedAtMs: number | undefined): Promise<void> {
    const args = toArguments(charges, chargedAtMs ?? link.now(), [chargedAtMs ?? ''])
    await link.tell((redis) => redis.sluiceRefund(charges.length, ...args))
  }

  return {
    get healthy() {
      return link.healthy
    },
    now: link.now,
    connected: link.connected,
    charge(charges, onLoss) {
      for (const charge of charges) checkCharge(charge)
      if (charges.length === 0) return { allowed: true, limits: [], refusedBy: -1, delayMs: 0, atMs: link.now() }
      return link.healthy ? chargeRedis(charges, onLoss) : decide(charges, onLoss)
    },
    refund(charges, chargedAtMs) {
      if (charges.length === 0) return
      // What was not charged in Redis is not given back there.
      if (!link.healthy || (chargedAtMs !== undefined && link.wasLostAt(chargedAtMs))) return local.refund(charges, chargedAtMs)
      return refundRedis(charges, chargedAtMs)
    },
    release(leases) {
      void local.release(leases)
      if (leases.length === 0) return
      return link.tell((redis) => Promise.all(leases.map(({ key, token }) => redis.zrem(`l:${key}`, token))))
    },
    async adjust(charge, { op, amount }) {
      checkCharge(charge)
      try {
        return toLimitState(await ask('sluiceAdjust', [charge], [op, amount]), charge, 0)
      } catch (thrown) {
        throw thrown instanceof Lost ? unavailable(thrown) : thrown
      }
    },
    records: createRedisRecords(link, options.cacheKey),
    cache: options.cache ?? createRedisCache(link, options.cacheKey),
    async close() {
      await link.close()
      await local.close()
    },
  }
}
