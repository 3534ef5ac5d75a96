import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toAccess } from '../../control/consumers/rights.ts'
import type { Actor } from '../../control/contract.ts'
import { openDecisions, type DecisionsParts } from '../../control/decisions/open-decisions.ts'
import type { Store } from '../../control/store/store.ts'
import { exportStore, importStore } from '../../control/store/transfer.ts'
import type { Decision } from '../../runtime/core/access/decision.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { fakeClock } from '../kit/fake-clock.ts'
import { until } from '../kit/planes.ts'
import type { StorePlace } from './store-suite.ts'

const admin: Actor = { name: 'admin', role: 'admin', from: '' }
const dayMs = 86_400_000

const decision = (id: string, at: number, more: Partial<Decision> = {}): Decision => ({
  id, at, run: id, flow: 'f', node: 'n', nodeType: 'auth', code: 'auth.missing', status: 401, checks: [{ check: 'key', passed: false, reason: 'not there' }], decidedBy: 0, ...more,
})

/** What control keeps of refused calls, whichever database is below it. */
export function decisionsSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`decisions on ${name}`, () => {
    let place: StorePlace
    let store: Store
    const clock = fakeClock()
    const start = clock.now()
    beforeAll(async () => {
      place = await makePlace()
      store = await place.open()
    })
    afterAll(async () => {
      await store?.close()
      await place?.close()
    })
    const open = (more: Partial<DecisionsParts> = {}) => openDecisions({ store, clock, log: silentLog, access: async (by) => toAccess(by, []), ask: () => [], ...more })
    const clear = async () => {
      while ((await store.decisions.removeOldest(1000, false)) > 0);
    }

    test('a batch is kept as it came, once, however often it comes, and half a decision not at all', async () => {
      const decisions = open()
      const batch = Array.from({ length: 450 }, (_, one) => decision(`d-${one}`, start + one, one % 2 === 0 ? { application: 'shop', organisation: 'north' } : {}))
      await decisions.take('g1', [...batch, { id: 'half' }, null, { ...decision('nul', start), code: 'a\0b' }, { ...decision('big', start), checks: [{ check: 'x'.repeat(100_000), passed: false }] }])
      await decisions.take('g1', batch.slice(0, 100))
      expect((await store.decisions.count())).toEqual({ all: 450, unknown: 225 })
      expect(await decisions.get('d-7', admin)).toEqual({ ...batch[7], gateway: 'g1' })
      await expect(decisions.get('half', admin)).rejects.toMatchObject({ code: 'record.none' })
      decisions.close()
    })

    test('pages go from the newest to the oldest, also where many have the same moment', async () => {
      await clear()
      const decisions = open()
      await decisions.take('g1', Array.from({ length: 25 }, (_, one) => decision(`p-${one}`, start + Math.floor(one / 10))))
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = await decisions.list({ limit: 4, ...(cursor ? { cursor } : {}) }, admin)
        seen.push(...page.items.map(({ id }) => id))
        cursor = page.next
      } while (cursor)
      expect([seen.length, new Set(seen).size]).toEqual([25, 25])
      expect(seen[0]).toMatch(/^p-2/)
      expect((await decisions.list({ from: new Date(start + 2).toISOString(), limit: 200 }, admin)).items.length).toBe(5)
      decisions.close()
    })

    test('what control does not have yet is asked of the gateways; the first that knows it is enough', async () => {
      const known = decision('fresh', start)
      const never = new Promise<undefined>(() => {})
      const decisions = open({ ask: (command) => [never, Promise.resolve(undefined), Promise.resolve({ gateway: 'g2', result: command.do === 'decision.get' && command.id === 'fresh' ? known : undefined })] })
      expect(await decisions.get('fresh', admin)).toEqual({ ...known, gateway: 'g2' })
      decisions.close()
      const lying = open({ ask: () => [Promise.resolve({ gateway: 'g2', result: decision('other', start) }), Promise.reject(new Error('gone'))] })
      await expect(lying.get('fresh', admin)).rejects.toMatchObject({ status: 404 })
      lying.close()
    })

    test('old ones go, and of too many the oldest; a flood of strangers drives out no more than its half', async () => {
      await clear()
      const decisions = open({ limits: { days: 2, rows: 100, pruneEveryMs: 1000 } })
      await decisions.take('g1', Array.from({ length: 30 }, (_, one) => decision(`old-${one}`, start - 3 * dayMs + one, { application: 'shop' })))
      await decisions.take('g1', Array.from({ length: 60 }, (_, one) => decision(`known-${one}`, start - 1000 + one, { application: 'shop' })))
      for (let batch = 0; batch < 4; batch++) await decisions.take('g1', Array.from({ length: 400 }, (_, one) => decision(`stranger-${batch}-${one}`, start + batch * 400 + one)))
      await clock.advance(1000)
      await until(async () => (await store.decisions.count()).all === 100)
      expect(await store.decisions.count()).toEqual({ all: 100, unknown: 50 })
      const { items } = await decisions.list({ limit: 200 }, admin)
      expect(items[0]?.id).toBe('stranger-3-399')
      expect(items.filter(({ id }) => id.startsWith('known-')).length).toBe(50)
      decisions.close()
    })

    test('whoever runs the caller’s organisation learns of another’s flow no more than the application’s owner does', async () => {
      await clear()
      const access = async (by: Actor) => toAccess(by, [{ organisation: by.name, role: 'auditor' }])
      const decisions = open({ access, flowOf: (id) => ({ theirs: { organisation: 'bank' }, ours: { organisation: 'shop' }, shared: {} })[id] })
      const networks = { check: 'allowed', passed: false, networks: ['10.1.2.0/24'] }
      const made = (id: string, flow: string, provider?: string) => decision(id, start, { flow, nodeName: 'Gate', organisation: 'shop', application: 'till', checks: [networks], ...(provider ? { provider } : {}) })
      await decisions.take('g1', [made('of-api', 'theirs', 'bank'), made('no-record', 'theirs'), made('gone', 'nowhere'), made('own', 'ours'), made('common', 'shared')])
      const member = (name: string): Actor => ({ name, role: 'subscriber', from: '' })
      for (const id of ['of-api', 'no-record', 'gone']) {
        const seen = await decisions.get(id, member('shop'))
        expect(seen).toMatchObject({ application: 'till', code: 'auth.missing' })
        expect(JSON.stringify(seen)).not.toMatch(/theirs|nowhere|Gate|10\.1\.2|"gateway"/)
      }
      expect(JSON.stringify((await decisions.list({}, member('shop'))).items.filter(({ id }) => id === 'of-api'))).not.toMatch(/theirs|Gate|10\.1\.2/)
      for (const id of ['own', 'common']) expect(await decisions.get(id, member('shop'))).toMatchObject({ nodeName: 'Gate', gateway: 'g1', checks: [networks] })
      expect(await decisions.get('of-api', member('bank'))).toMatchObject({ flow: 'theirs', checks: [networks] })
      decisions.close()
    })

    test('they move to another database with everything else', async () => {
      await clear()
      const decisions = open()
      await decisions.take('g1', [decision('moved', start, { ip: '192.0.2.1' })])
      const lines: string[] = []
      for await (const line of exportStore(store)) lines.push(line)
      const other = await place.empty()
      await importStore(other, lines)
      expect(JSON.parse((await other.decisions.get('moved'))!.body)).toEqual(decision('moved', start, { ip: '192.0.2.1' }))
      await other.close()
      decisions.close()
    })
  })
}
