import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pauseMs } from './pause.ts'
import { readPointer } from '../consumers/json.ts'
import { readPartners } from './read-partners.ts'

const map = {
  list: '/partners', id: '/id', name: '/name', active: '/on', validFrom: '/from', validUntil: '/until', cidrs: '/cidrs', clearance: '/level', attributes: { a: '/facts/a' }, attributesFrom: '/all',
  credentials: [
    { kind: 'certificate', each: '/certificates', fingerprint: '/sha' }, { kind: 'certificate', each: '/names', san: '' }, { kind: 'jwt', each: '/clients', issuerAt: '/iss', subject: '/sub', expiresAt: '/until' },
    { kind: 'key', each: '/keys', prefix: '/prefix', hash: '/hash', environmentAt: '/env' },
  ],
  subscriptions: [{ to: 'api', each: '/apis', id: '/id', plan: '/plan' }],
} as const

const fields = ['id', 'name', 'on', 'from', 'until', 'cidrs', 'level', 'facts', 'all', 'certificates', 'names', 'clients', 'keys', 'apis', 'sha', 'iss', 'sub', 'prefix', 'hash', 'env', 'plan', 'a', '__proto__', 'constructor']
const value = fc.letrec((tie) => ({
  any: fc.oneof({ depthSize: 'small' }, fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.constantFrom('2026-01-01T00:00:00Z', '10.0.0.0/8', 'ab'.repeat(32), 'sandbox'), fc.array(tie('any'), { maxLength: 4 }), fc.dictionary(fc.constantFrom(...fields), tie('any'), { maxKeys: 8 })),
})).any

test('whatever a service answers, it is read as partners that are whole, or as places that are there to be looked at', () => {
  fc.assert(fc.property(fc.array(value, { maxLength: 4 }), (partners) => {
    const document = JSON.parse(JSON.stringify({ partners })) as unknown
    const read = readPartners([document], map, 'crm.')
    for (const { pointer } of read.problems) expect(pointer).toMatch(/^\/partners(\/|$)/)
    if (read.problems.length > 0) return
    expect(read.partners).toHaveLength(partners.length)
    expect(new Set(read.partners.map(({ id }) => id)).size).toBe(partners.length)
    for (const partner of read.partners) {
      expect(partner.id).toMatch(/^[a-z0-9][a-z0-9._-]{0,63}$/)
      expect(readPointer(document, partner.at)).toBeTypeOf('object')
      for (const text of Object.values(partner.rules.attributes ?? {})) expect(text).toBeTypeOf('string')
      for (const { at, hash } of partner.credentials) {
        expect(readPointer(document, at)).toBeDefined()
        if (hash !== undefined) expect(Buffer.from(hash, 'base64url')).toHaveLength(32)
      }
    }
  }), { numRuns: 300 })
})

test('two partners never become one, however their ids are bent to ours', () => {
  fc.assert(fc.property(fc.uniqueArray(fc.string({ minLength: 1, maxLength: 100, unit: 'grapheme' }).filter((id) => !/\p{Cc}/u.test(id)), { minLength: 2, maxLength: 20 }), (ids) => {
    const { partners, problems } = readPartners([ids.map((id) => ({ id }))], { list: '', id: '/id' }, 'p.')
    expect(problems).toEqual([])
    expect(new Set(partners.map(({ id }) => id)).size).toBe(ids.length)
  }))
})

test('pointers find what a value has itself, and nothing else', () => {
  expect(readPointer({ 'a/b': { 'c~d': [1, 2] } }, '/a~1b/c~0d/1')).toBe(2)
  for (const pointer of ['/__proto__', '/constructor', '/toString', '/0', '/length']) expect(readPointer({}, pointer)).toBeUndefined()
  for (const pointer of ['/length', '/-', '/01', '/-1']) expect(readPointer([1], pointer)).toBeUndefined()
  fc.assert(fc.property(value, fc.string(), (any, text) => void readPointer(any, `/${text}`)))
})

test('pauses grow after failures, never beyond a quarter of an hour or the regular pause, and never to nothing', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 86_400 }), fc.nat(1000), fc.double({ min: 0, max: 1, noNaN: true }), (everySeconds, failures, random) => {
    const ms = pauseMs(everySeconds, failures, random)
    const regular = everySeconds * 1000
    expect(ms).toBeGreaterThanOrEqual(failures === 0 ? regular * 0.9 - 1 : regular * 0.5)
    expect(ms).toBeLessThanOrEqual(failures === 0 ? regular * 1.1 + 1 : Math.max(900_000, regular))
  }))
})
