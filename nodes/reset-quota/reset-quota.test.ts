import { describe, expect, it } from 'vitest'
import type { MessageClient } from '../../runtime/core/access/clients.ts'
import { fault } from '../../runtime/core/fault.ts'
import type { Ledger, LedgerRecord } from '../../runtime/core/state/ledger.ts'
import type { Log } from '../../runtime/core/log.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createClients } from '../../runtime/clients/clients.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { quota } from '../quota/quota.ts'
import { resetQuota } from './reset-quota.ts'

const windows = [{ limit: '3', limitType: 'num', every: 1, unit: 'hour', algorithm: 'fixed', zone: '', per: 'key' }, { limit: '100', limitType: 'num', every: 1, unit: 'day', algorithm: 'fixed', zone: '', per: 'all' }]

/** A quota of three an hour per key, used up for one key, and a node that corrects it. */
async function start(config: object, ledger?: Ledger) {
  const shared = new Map<string, unknown>()
  const state = createMemoryState({ clock: fakeClock() })
  const limited = await testNode(quota, { quota: 'orders', windows, key: [{ value: 'who', valueType: 'msg' }] }, { shared, state })
  const reset = await testNode(resetQuota, { quota: 'orders', ...config }, { shared, state, ...(ledger ? { ledger } : {}) })
  const left = async (who: string) => {
    for (let passed = 0; ; passed += 1) if ((await limited.send({ who }, fakeRun()))[0]?.port !== 'ok') return passed
  }
  expect(await left('a')).toBe(3)
  return { limited, reset, left }
}

describe('reset quota', () => {
  it.each([
    [{ op: 'add', amount: '2' }, 2],
    [{ op: 'add', amount: 'more', amountType: 'msg' }, 5],
    [{ op: 'set', amount: '1', per: 'key', who: 'who', whoType: 'msg' }, 1],
    [{ op: 'zero' }, 3],
  ])('gives the caller calls (%j)', async (config, passing) => {
    const { reset, left } = await start(config)
    const [sent] = await reset.send({ who: 'a', more: 5 })
    expect(sent).toMatchObject({ port: 'ok', message: { quota: { name: 'orders' } } })
    expect([await left('a'), await left('b')]).toEqual([passing, 3])
  })

  it('gives more in all, and says no time', async () => {
    const shared = new Map<string, unknown>()
    const state = createMemoryState({ clock: fakeClock() })
    const limited = await testNode(quota, { quota: 'trial', windows: [{ ...windows[0], unit: 'total', per: 'all' }] }, { shared, state })
    const passing = async () => (await limited.send({}, fakeRun()))[0]?.port
    expect([await passing(), await passing(), await passing(), await passing()]).toEqual(['ok', 'ok', 'ok', 'refused'])
    const [sent] = await (await testNode(resetQuota, { quota: 'trial', op: 'add', amount: '1' }, { shared, state })).send({}, fakeRun())
    expect(sent?.message.quota).toEqual({ name: 'trial', limits: [{ per: 'all', window: 'total', limit: 3, used: 2, remaining: 1 }] })
    expect([await passing(), await passing()]).toEqual(['ok', 'refused'])
  })

  it('of one organisation knows no quota of another by its name', async () => {
    const shared = new Map<string, unknown>()
    const state = createMemoryState({ clock: fakeClock() })
    const of = (organisation: string) => ({ shared, state, node: { id: `of-${organisation}`, organisation } })
    const limited = await testNode(quota, { quota: 'orders', windows, key: [{ value: 'who', valueType: 'msg' }] }, of('bank'))
    const thief = await testNode(resetQuota, { quota: 'orders', op: 'zero' }, of('thief'))
    await expect(thief.send({ who: 'a' }, fakeRun())).rejects.toMatchObject({ code: 'quota.unknown' })
    // Nor does one of its own by that name count there, or one that is called like somebody's node.
    for (const name of ['orders', 'of-bank']) {
      const own = await testNode(quota, { quota: name, windows: [{ ...windows[0], limit: '1' }], key: [{ value: 'who', valueType: 'msg' }] }, of('thief'))
      await own.send({ who: 'a' }, fakeRun())
      await thief.send({ who: 'a' }, fakeRun()).catch(() => {})
    }
    expect((await limited.send({ who: 'a' }, fakeRun()))[0]?.message.quota).toMatchObject({ limits: [{ used: 1 }, { used: 1 }] })
  })

  it('of one organisation corrects no plan by which another lets in', async () => {
    const clients = createClients({ clock: fakeClock() })
    const subscriptions = [{ api: 'pay', plan: 'p', state: 'approved' as const }]
    clients.replace({
      version: 1, plans: [{ id: 'p', name: 'P', quotas: [{ limit: 1, every: 1, unit: 'hour', algorithm: 'fixed' }], priority: 5 }],
      applications: [{ id: 'shop', name: 'Shop', organisation: 'thief', active: true, rules: {}, credentials: [], subscriptions }],
      apis: [{ id: 'pay', name: 'Pay', organisation: 'bank', flow: 'flow-1', lifecycle: 'PUBLISHED', visibility: 'public' }],
    })
    const state = createMemoryState({ clock: fakeClock() })
    const client = { id: 'shop', application: 'shop', organisation: 'thief', environment: 'production', plan: 'p', priority: 5, scopes: [], attributes: {} }
    const calls = async (organisation: string) => {
      const shared = new Map<string, unknown>()
      const node = { organisation, ...(organisation === 'thief' ? { flow: 'flow-2' } : {}) }
      const limited = await testNode(quota, { quota: 'q', source: 'plan', windows: [] }, { clients, state, shared, node })
      const reset = await testNode(resetQuota, { quota: 'q', op: 'zero', per: 'subscription', who: 'shop/pay', whoType: 'str' }, { clients, state, shared, node })
      return { pass: async () => (await limited.send({ client }, fakeRun()))[0]?.port, reset: () => reset.send({}, fakeRun()) }
    }
    const [bank, thief] = [await calls('bank'), await calls('thief')]
    expect([await bank.pass(), await bank.pass()]).toEqual(['ok', 'refused'])
    await expect(thief.reset()).rejects.toMatchObject({ code: 'quota.unknown' })
    expect(await bank.pass()).toBe('refused')
    await bank.reset()
    expect(await bank.pass()).toBe('ok')
  })

  it('corrects somebody who is named, and only that count', async () => {
    const { reset, left } = await start({ op: 'zero', per: 'key', who: 'whom', whoType: 'msg' })
    const [sent] = await reset.send({ who: 'b', whom: 'a' })
    expect(sent?.message.quota).toMatchObject({ limits: [{ per: 'key', window: 'hour', remaining: 3 }] })
    expect(await left('a')).toBe(3)
  })

  it('writes into the log what was changed and why, and no part of a key', async () => {
    const lines: object[] = []
    const log: Log = { ...silentLog, info: (facts) => void lines.push(facts) }
    const { reset } = await start({ op: 'set', amount: '2', per: 'key', who: 'secret-key', whoType: 'str', reason: 'why', reasonType: 'msg' })
    await reset.send({ why: 'complaint 17' }, { ...fakeRun(), log })
    expect(lines).toMatchObject([{ audit: 'quota.adjusted', quota: 'orders', per: 'key', op: 'set', amount: 2, remaining: 2, reason: 'complaint 17' }])
    expect(JSON.stringify(lines)).not.toContain('secret-key')
  })

  it('hands to the audit log who corrected what, whose, and why; one that cannot be handed over is a fault', async () => {
    const records: LedgerRecord[] = []
    const ledger = { appendSoon: async (record: LedgerRecord) => ({ id: String(records.push(record)) }) } as unknown as Ledger
    const { reset } = await start({ op: 'add', amount: '2', reason: 'goodwill' }, ledger)
    await reset.send({ who: 'a' }, { ...fakeRun(), caller: { id: 'desk' } as MessageClient })
    expect(records).toMatchObject([{ ledger: 'audit', value: { action: 'quota.adjust', detail: { quota: 'orders', per: 'key', window: 'hour', op: 'add', amount: 2, remaining: 2, reason: 'goodwill', client: 'desk' } } }, { value: { detail: { per: 'all' } } }])
    const full = { appendSoon: () => Promise.reject(fault('ledger.unavailable')) } as unknown as Ledger
    await expect((await start({ op: 'zero' }, full)).reset.send({ who: 'a' })).rejects.toMatchObject({ code: 'ledger.unavailable' })
  })

  it('fails when no such quota is live, and forgets a quota that has gone', async () => {
    const { limited, reset } = await start({ op: 'zero' })
    await expect((await testNode(resetQuota, { quota: 'other' })).send({})).rejects.toMatchObject({ code: 'quota.unknown' })
    await limited.retire()
    await expect(reset.send({ who: 'a' })).rejects.toMatchObject({ code: 'quota.unknown' })
  })

  it('fails on an amount that is none, and changes nothing', async () => {
    const { reset, left } = await start({ amount: 'more', amountType: 'msg' })
    for (const more of ['x', undefined, 1.5]) await expect(reset.send({ who: 'a', more })).rejects.toMatchObject({ code: 'limit.value' })
    expect(await left('a')).toBe(0)
  })

  it.each([[{}, 'quota.no_name'], [{ quota: 'q', per: 'ip' }, 'quota.no_who'], [{ quota: 'q', amount: 'x' }, 'limit.number']])('is refused at deploy when it is drawn wrong (%j)', (config, code) => {
    expect(checkNode(resetQuota, { quota: '', ...config }).map((problem) => problem.code)).toContain(code)
  })
})
