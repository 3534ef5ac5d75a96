import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Api, Application } from '../core/access/clients.ts'
import { systemClock } from '../core/time/clock.ts'
import { createClients } from './clients.ts'
import { toKnownApi } from './known-api.ts'

const api: Api = { id: 'orders', name: 'Orders', organisation: 'o', flow: 'f', lifecycle: 'PUBLISHED', visibility: 'public' }
const application = (id: string, pins?: Record<string, string>): Application => ({ id, name: id, organisation: 'o', active: true, rules: {}, credentials: [], subscriptions: [], ...(pins ? { pins } : {}) })

test('what every answer says is worked out once, and an API that goes on has nothing of it', () => {
  expect(toKnownApi(api)).toBe(api)
  expect(toKnownApi({ ...api, deprecatedAt: '2026-01-01T00:00:00Z', sunset: '2026-06-01T08:00:00+08:00' })).toMatchObject({
    sunsetMs: Date.UTC(2026, 5, 1),
    notice: ['Deprecation', '@1767225600', 'Sunset', 'Mon, 01 Jun 2026 00:00:00 GMT'],
  })
  expect(toKnownApi({ ...api, lifecycle: 'CREATED', sunset: '2026-06-01T00:00:00Z' })).not.toHaveProperty('notice')
})

test('an end that cannot be read has come: what is to be closed is not left open', () => {
  fc.assert(fc.property(fc.string(), (sunset) => {
    const { sunsetMs } = toKnownApi({ ...api, sunset })
    expect(sunsetMs).toBe(Number.isNaN(Date.parse(sunset)) ? 0 : Date.parse(sunset))
  }))
})

test('families are found by their name or by the id of an API without one, and follow every change', () => {
  const clients = createClients({ clock: systemClock })
  const ids = (family: string) => clients.apisOfFamily(family).map(({ id }) => id).toSorted()
  clients.replace({ version: 1, applications: [], plans: [], apis: [api, { ...api, id: 'orders-2', flow: 'g', family: 'orders' }] })
  expect(ids('orders')).toEqual(['orders', 'orders-2'])
  expect(ids('orders-2')).toEqual([])
  clients.apply({ version: 2, apis: { orders: null, 'orders-2': { ...api, id: 'orders-2', flow: 'g', family: 'other' } } })
  expect([ids('orders'), ids('other')]).toEqual([[], ['orders-2']])
})

test('pins come through; applications that have the same share them, and those without have no field for them', () => {
  const clients = createClients({ clock: systemClock })
  clients.replace({ version: 1, applications: [application('a', { orders: 'v1' }), application('b', { orders: 'v1' }), application('c'), application('d', {})], plans: [], apis: [] })
  expect(clients.application('a')?.pins).toEqual({ orders: 'v1' })
  expect(clients.application('a')?.pins).toBe(clients.application('b')?.pins)
  for (const id of ['c', 'd']) expect(clients.application(id)).not.toHaveProperty('pins')
})
