import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { memoryEnvelope, memoryRecords } from '../../test/kit/vault-memory.ts'
import { createSecretKeep } from './secret-keep.ts'

function open() {
  const clock = fakeClock()
  const { records, rows } = memoryRecords()
  const envelope = memoryEnvelope()
  const another = () => createSecretKeep({ records, envelope, clock })
  return { clock, rows, another, keep: another() }
}

test('a secret comes back as it went in, whatever is in it, and its version counts up', async () => {
  const { keep } = open()
  let version = 0
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text.isWellFormed()), async (value) => {
      expect((await keep.desk.put('a', value, undefined, 'ann')).version).toBe(++version)
      expect(await keep.values(['a'])).toEqual(new Map([['a', { value, version }]]))
    }),
    { numRuns: 50 },
  )
})

test('lists say who changed what and when, never a value, and neither do the records', async () => {
  const { keep, rows, clock } = open()
  await keep.desk.put('payment.key', 'correct-horse', 'of the bank', 'ann')
  const changed = await keep.desk.put('payment.key', 'battery-staple', undefined, 'bob')
  expect(changed).toEqual({ name: 'payment.key', description: 'of the bank', version: 2, updatedAt: new Date(clock.now()).toISOString(), by: 'bob' })
  expect(await keep.list()).toEqual([changed])
  const kept = [...rows.values()].map((row) => JSON.stringify(row.facts) + Buffer.from(row.sealed?.bytes ?? []).toString('latin1')).join()
  for (const secret of ['correct-horse', 'battery-staple']) expect(kept).not.toContain(secret)
})

test('a gateway is given what it does not know yet, and told which names are of no secret', async () => {
  const { keep, clock } = open()
  await keep.desk.put('a', 'one', undefined, 'ann')
  await keep.desk.put('b', 'two', undefined, 'ann')
  expect(await keep.answer({ names: ['a', 'b', 'constructor'], known: { a: 1 } })).toEqual({ secrets: { b: { value: 'two', version: 1 } }, unknown: ['constructor'] })
  await keep.desk.put('a', 'three', undefined, 'ann')
  await clock.advance(1000)
  expect(await keep.answer({ names: ['a', 'b'], known: { a: 1, b: 1 } })).toEqual({ secrets: { a: { value: 'three', version: 2 } }, unknown: [] })
  for (const request of [undefined, {}, { names: 'a' }, { names: ['A'] }, { names: ['a'], known: 1 }, { names: Array.from({ length: 1001 }, () => 'a') }]) {
    await expect(keep.answer(request as never)).rejects.toMatchObject({ code: 'secret.invalid' })
  }
})

test('a secret that was removed is unknown, and one of the same name later is not taken for it', async () => {
  const { keep, rows } = open()
  await keep.desk.put('a', 'one', undefined, 'ann')
  await keep.desk.remove('a', 'bob')
  expect(await keep.list()).toEqual([])
  expect([...rows.values()][0]?.sealed).toBeUndefined()
  await expect(keep.values(['a'])).rejects.toMatchObject({ code: 'secret.unknown', facts: { name: 'a' } })
  await expect(keep.desk.remove('a', 'bob')).rejects.toMatchObject({ code: 'secret.unknown' })
  expect((await keep.desk.put('a', 'one', undefined, 'ann')).version).toBe(3)
})

test('another vault on the same database sees a change within a second, and two that write at once both count', async () => {
  const { keep, another, clock } = open()
  const other = another()
  await keep.desk.put('a', 'one', undefined, 'ann')
  expect((await other.values(['a'])).get('a')?.value).toBe('one')
  await Promise.all([keep, other].map((vault, at) => vault.desk.put('a', `value ${at}`, undefined, 'ann')))
  await clock.advance(1000)
  const seen = (await other.values(['a'])).get('a')
  expect(seen?.version).toBe(3)
  expect((await keep.values(['a'])).get('a')).toEqual(seen)
})

test('names and values that do not fit are refused without being said', async () => {
  const { keep } = open()
  for (const name of ['', 'A', '-a', 'a b', 'a'.repeat(65), '__proto__']) await expect(keep.desk.put(name, 'value', undefined, 'ann')).rejects.toMatchObject({ code: 'secret.invalid' })
  for (const value of ['', 7, '\ud800']) await expect(keep.desk.put('a', value as string, undefined, 'ann')).rejects.toMatchObject({ code: 'secret.invalid' })
  const large = '密'.repeat(21_846)
  await expect(keep.desk.put('a', large, undefined, 'ann')).rejects.toMatchObject({ code: 'secret.invalid', message: expect.not.stringContaining('密') })
  await keep.desk.put('a', large.slice(0, 21_845), undefined, 'ann')
})
