import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createClients } from '../../runtime/clients/clients.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { testNode } from '../../test/kit/node-tester.ts'
import { auth } from './auth.ts'

const secret = (name: string) => `secret of ${name}`
const attacker = '198.51.100.7'

async function start() {
  const clock = fakeClock(Date.UTC(2026, 0, 5, 12))
  const clients = createClients({ clock })
  clients.replace({
    version: 1, plans: [], apis: [],
    applications: ['old', 'new'].map((name) => ({
      id: name, name, organisation: 'org', active: true, rules: {}, subscriptions: [],
      credentials: [{ kind: 'key', prefix: name, hash: createHash('sha256').update(secret(name)).digest('base64url'), environment: 'production', active: true }],
    })),
  })
  const node = await testNode(auth, {}, { clock, clients, state: createMemoryState({ clock }), wired: ['ok'] })
  const call = (ip: string, key: string) => node.send({}, fakeRun({ request: { ip, headers: { 'x-api-key': key } } })).then(([sent]) => sent?.port, (error: { code: string }) => error.code)
  /** Sends many keys at once and says how many were looked at. */
  const guess = async (count: number, ip = attacker) => {
    const answers = Array.from({ length: count }, (_, i) => call(ip, `old.guess ${i}`))
    await clock.advance(5_000)
    const codes = await Promise.all(answers)
    return codes
  }
  return { call, clock, guess }
}

describe('many guesses at once', () => {
  it('from one address: only some are looked at, whether the right one is among the others or not', async () => {
    const { call, guess } = await start()
    const guesses = guess(1000)
    // The right one of a brute force comes too late to be told from the rest.
    expect(await call(attacker, `old.${secret('old')}`)).toBe('auth.too_many_attempts')
    const codes = await guesses
    expect(codes.filter((code) => code === 'auth.invalid_key').length).toBeLessThanOrEqual(20)
    expect(new Set(codes)).toEqual(new Set(['auth.invalid_key', 'auth.too_many_attempts']))
  })

  it('keep out nobody at another address', async () => {
    const { call, guess } = await start()
    const guesses = guess(1000)
    expect(await call('203.0.113.5', `old.${secret('old')}`)).toBe('ok')
    await guesses
  })

  it('keep out nobody behind the same address whose key was right there before, and a new one only for a moment', async () => {
    const { call, clock, guess } = await start()
    const first = guess(2)
    expect(await call(attacker, `old.${secret('old')}`)).toBe('ok')
    await first
    const flood = guess(1000)
    expect(await call(attacker, `old.${secret('old')}`)).toBe('ok')
    expect(await call(attacker, `new.${secret('new')}`)).toBe('auth.too_many_attempts')
    await flood
    await clock.advance(250)
    expect(await call(attacker, `new.${secret('new')}`)).toBe('ok')
  })

  it('of a whole IPv6 network count together', async () => {
    const { call, guess } = await start()
    const guesses = guess(1000, '2001:db8:1:2::1')
    expect(await call('2001:db8:1:2:ffff::9', `old.${secret('old')}`)).toBe('auth.too_many_attempts')
    expect(await call('2001:db8:1:3::1', `old.${secret('old')}`)).toBe('ok')
    await guesses
  })
})
