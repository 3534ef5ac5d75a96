import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { bucketOf, pagesFor } from '../core/access/client-pages.ts'
import type { Application } from '../core/access/clients.ts'
import { createClients } from './clients.ts'

const ids = ['a', 'b', 'c', 'd']
const prefixes = ['k1', 'k2', 'k3']
const anApplication = (id: string) =>
  fc.record({ active: fc.boolean(), keys: fc.array(fc.record({ prefix: fc.constantFrom(...prefixes), active: fc.boolean() }), { maxLength: 3 }) }).map(
    ({ active, keys }): Application => ({
      id, name: id, organisation: 'acme', active, rules: {}, subscriptions: [],
      credentials: keys.map((key) => ({ kind: 'key', hash: '', environment: 'production', ...key })),
    }),
  )
const aChange = fc.record(Object.fromEntries(ids.map((id) => [id, fc.option(fc.oneof(fc.constant(null), anApplication(id)), { nil: undefined })])))

test('after any changes a look-up finds what a copy made anew finds, and nothing that is gone', () => {
  fc.assert(
    fc.property(fc.array(aChange, { maxLength: 12 }), (changes) => {
      const clients = createClients({ clock: fakeClock() })
      const model = new Map<string, Application>()
      changes.forEach((change, at) => {
        const applications = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Record<string, Application | null>
        clients.apply({ version: at + 1, applications })
        for (const [id, value] of Object.entries(applications)) {
          if (value) model.set(id, value)
          else model.delete(id)
        }
      })
      expect([...clients.ids().applications].toSorted()).toEqual([...model.keys()].toSorted())
      for (const prefix of prefixes) {
        const holders = [...model.values()].flatMap((one) => one.credentials.filter((key) => key.kind === 'key' && key.prefix === prefix).map((key) => (key.active ? 2 : 0) + (one.active ? 1 : 0)))
        const found = clients.byKey(prefix)
        if (holders.length === 0) expect(found).toBeUndefined()
        else expect((found?.credential.active ? 2 : 0) + (found?.application.active ? 1 : 0)).toBe(Math.max(...holders))
        if (found) expect(model.get(found.application.id)).toEqual(found.application)
      }
    }),
  )
})

test('every application is on one page, and pages stay few and small', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(200_000), fc.nat(12), (id, count, power) => {
      const pages = pagesFor(count, 2 ** power)
      expect(bucketOf(id, pages)).toBeGreaterThanOrEqual(0)
      expect(bucketOf(id, pages)).toBeLessThan(pages)
      expect(Number.isInteger(Math.log2(pages))).toBe(true)
      expect(count / pages).toBeLessThanOrEqual(128)
    }),
  )
})
