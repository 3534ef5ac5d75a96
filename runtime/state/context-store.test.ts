import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { silentLog, type Log } from '../core/log.ts'
import { createRunContext, openContextStore } from './context-store.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'context-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (log: Log = silentLog, clock = fakeClock()) => openContextStore({ folder, clock, log })

it('scopes are apart: node by node, flow by flow, one global', () => {
  const store = open()
  const a = store.contexts('f1', 'n1')
  const b = store.contexts('f1', 'n2')
  a.node.set('x', 1)
  a.flow.set('x', 2)
  a.global.set('x', 3)
  expect([b.node.get('x'), b.flow.get('x'), store.contexts('f2', 'n3').flow.get('x'), b.global.get('x')]).toEqual([undefined, 2, undefined, 3])
})

it('the global scope of an organisation is its own, and shows what is nobody’s', () => {
  const store = open()
  const of = (organisation?: string) => store.contexts('f', 'n', organisation).global
  of().set('shared', { rate: 1 })
  of('bank').set('token', 'secret')
  of('bank').set('shared.rate', 2)
  expect([of('thief').get('token'), of().get('token'), of('bank').get('token')]).toEqual([undefined, undefined, 'secret'])
  expect([of('thief').get('shared.rate'), of().get('shared.rate'), of('bank').get('shared.rate')]).toEqual([1, 1, 2])
  expect([of('thief').keys(), of('bank').keys().toSorted(), of().keys()]).toEqual([['shared'], ['shared', 'token'], ['shared']])
  of('thief').set('token', 'x')
  of('thief').delete('shared')
  expect([of('bank').get('token'), of().get('shared')]).toEqual(['secret', { rate: 1 }])
})

it('keys are property paths, and what goes in or out is never live', () => {
  const { flow } = open().contexts('f', 'n')
  const given = { list: [{ v: 1 }] }
  flow.set('a.b', given)
  given.list[0]!.v = 2
  expect(flow.get('a.b.list[0].v')).toBe(1)
  const got = flow.get('a') as { b: { list: { v: number }[] } }
  expect(() => (got.b.list[0]!.v = 3)).toThrow()
  flow.set('a.b.list[0].v', 4)
  expect([flow.get('a.b.list[0].v'), got.b.list[0]!.v, flow.keys()]).toEqual([4, 1, ['a']])
  flow.set('a.b', undefined)
  expect(flow.get('a')).toEqual({})
  flow.delete('a')
  expect(flow.keys()).toEqual([])
})

it('increments, also at a path, and refuses what is no number', () => {
  const context = createRunContext()
  expect([context.increment('n'), context.increment('n', 5), context.increment('a.b', -1)]).toEqual([1, 6, -1])
  context.set('t', 'text')
  expect(() => context.increment('t')).toThrow(/number/)
})

it('survives a restart, with bytes, dates and maps', async () => {
  const first = open()
  const values = { plain: { a: [1, null] }, bytes: Buffer.from([0, 255]), date: new Date(5), map: new Map([['k', 1]]), nan: NaN }
  for (const [key, value] of Object.entries(values)) first.contexts('f', 'n').flow.set(key, value)
  await first.close()
  const second = open()
  const { flow } = second.contexts('f', 'n')
  for (const [key, value] of Object.entries(values)) expect(flow.get(key), key).toEqual(value)
  expect(Buffer.isBuffer(flow.get('bytes'))).toBe(true)
  expect(second.get('flow', 'f', 'plain')).toEqual({ a: [1, null] })
  expect(Object.keys(second.snapshot()['flow:f'] ?? {})).toEqual(Object.keys(values))
  second.delete('flow', 'f', 'plain')
  expect(flow.get('plain')).toBeUndefined()
  second.delete('flow', 'f')
  expect(second.get('flow', 'f')).toEqual({})
})

it('writes about a second after a change', async () => {
  const clock = fakeClock()
  const store = open(silentLog, clock)
  store.contexts('f', 'n').global.set('g', 1)
  await clock.advance(1000)
  await store.close()
  expect(readFileSync(join(folder, 'context.json'), 'utf8')).toContain('"g"')
})

it('goes on in memory when the folder cannot be written, and says so once', async () => {
  const errors: string[] = []
  writeFileSync(join(folder, 'file'), '')
  const clock = fakeClock()
  const store = openContextStore({ folder: join(folder, 'file', 'below'), clock, log: { ...silentLog, error: (_facts, text) => void errors.push(text) } })
  store.contexts('f', 'n').flow.set('x', 1)
  await clock.advance(5000)
  await store.close()
  expect(store.contexts('f', 'n').flow.get('x')).toBe(1)
  expect(errors.filter((text) => text.includes('cannot be written'))).toHaveLength(1)
})

it('a damaged file is put aside, not lost', async () => {
  writeFileSync(join(folder, 'context.json'), '{"scopes":')
  const store = open()
  expect(store.get('global', undefined)).toEqual({})
  expect(readFileSync(join(folder, 'context.json.unreadable'), 'utf8')).toBe('{"scopes":')
  await store.close()
})

it('holds no more than its limit, over all scopes; what is deleted makes room', () => {
  const store = openContextStore({ folder, clock: fakeClock(), log: silentLog, limitBytes: 10_000 })
  const { flow, global } = store.contexts('f', 'n')
  flow.set('a', 'x'.repeat(6000))
  expect(() => global.set('b', 'x'.repeat(6000))).toThrow(/context is full/)
  expect(global.get('b')).toBeUndefined()
  flow.set('a', 'x'.repeat(6001))
  flow.delete('a')
  global.set('b', 'x'.repeat(6000))
  for (let i = 0; i < 100; i++) global.set('b', { i, text: 'x'.repeat(5000) })
  expect(() => Array.from({ length: 1000 }, (_, i) => flow.set(`k${i}`, i))).toThrow(/context is full/)
  store.delete('global', undefined)
  flow.set('c', 'x'.repeat(3000))
})
