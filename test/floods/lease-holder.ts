import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { openRedisState } from '../../runtime/state/redis-state.ts'

/** A process that holds three slots, renews them, and never gives them back: the story kills it. */
const state = openRedisState({ url: process.argv[2]!, prefix: 'story:', shares: 1, timeoutMs: 1000, clock: systemClock, log: silentLog, metrics: { count() {} } })
const charges = ['a', 'b', 'c'].map((token) => ({ kind: 'lease', key: 'story/slots', limit: 3, token, ttlMs: 1500 }) as const)
await state.connected(10_000)
await state.charge(charges, 'closed')
setInterval(() => void state.charge(charges, 'closed'), 300)
process.send?.({ held: (await state.charge(charges, 'closed')).limits[0]?.used })
