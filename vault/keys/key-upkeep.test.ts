import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { memoryEnvelope, memoryRecords } from '../../test/kit/vault-memory.ts'
import type { VaultAnswer } from '../../runtime/core/secrets/vault.ts'
import { createKeyring } from './keyring.ts'

const dayMs = 86_400_000
const b64 = (text: string) => Buffer.from(text).toString('base64url')
const data = (answer: VaultAnswer) => ('data' in answer && answer.data) || ''

/** Several vaults on one database. */
function open(count = 1) {
  const { records } = memoryRecords()
  const clock = fakeClock(Date.parse('2026-01-01T00:00:00.000Z'))
  const envelope = memoryEnvelope()
  const lines: string[] = []
  const note = (facts: object, text: string) => void lines.push(`${(facts as { key?: string; by?: string }).key} ${(facts as { by?: string }).by} ${text}`)
  const log = { debug: note, info: note, warn: note, error: note }
  const failing = { value: false }
  const seal: typeof envelope.seal = (...given) => (failing.value ? Promise.reject(new Error('the master key is away')) : envelope.seal(...given))
  const rings = Array.from({ length: count }, () => createKeyring({ records, envelope: { ...envelope, seal }, clock, log }))
  const pass = async (days: number) => {
    clock.jump(days * dayMs)
    await clock.advance(1000)
    await Promise.all(rings.map(({ upkeep }) => upkeep.look()))
  }
  return { rings, ring: rings[0] as (typeof rings)[0], clock, lines, pass, failing }
}

test('a key on a schedule is replaced when it is due and not before, on record, and what is older goes on being verified for as long as was said', async () => {
  const { ring, pass, lines } = open()
  await ring.desk.keys.create('sign', { kind: 'ed25519', set: 'public', rotateEveryDays: 30, keepOldDays: 10 }, 'ann')
  const old = data(await ring.ask({ do: 'sign', key: 'sign', form: 'jws', data: b64('old') }))
  const check = () => ring.ask({ do: 'check', key: 'sign', form: 'jws', data: old })
  const published = async () => (await ring.desk.keys.publicSet('public')).keys.length
  expect(await ring.desk.keys.list()).toMatchObject([{ rotateEveryDays: 30, keepOldDays: 10, dueAt: '2026-01-31T00:00:00.000Z' }])
  await pass(29)
  expect(await ring.desk.keys.list()).toMatchObject([{ current: 1 }])
  await pass(1)
  expect(await ring.desk.keys.list()).toMatchObject([{ current: 2, versions: [{ version: 1, state: 'active', offAt: expect.stringMatching(/^2026-02-10/) }, { version: 2, made: 'schedule' }], dueAt: expect.stringMatching(/^2026-03-02/) }])
  expect(await ring.ask({ do: 'sign', key: 'sign', form: 'jws', data: b64('new') })).toMatchObject({ version: 2 })
  expect([await check(), await published()]).toMatchObject([{ valid: true, version: 1 }, 2])
  await pass(9)
  expect(await check()).toMatchObject({ valid: true })
  await pass(1)
  expect([await check(), await published()]).toMatchObject([{ fault: 'key.disabled' }, 1])
  expect(lines.filter((line) => line.includes('schedule'))).toEqual(['sign schedule a key was rotated by its schedule', 'sign schedule versions of a key were switched off by its schedule'])
  // Who switches it on again has the last word.
  await ring.desk.keys.setState('sign', 'active', 'bob', 1)
  await pass(15)
  expect(await check()).toMatchObject({ valid: true })
})

test('of several vaults on one database each key is replaced once, however often they look', async () => {
  const { rings, ring, pass, lines } = open(4)
  for (const name of ['one', 'two', 'three']) await ring.desk.keys.create(name, { kind: 'aes-256', rotateEveryDays: 1, keepOldDays: 400 }, 'ann')
  for (let day = 0; day < 5; day++) {
    await pass(1)
    await pass(0)
  }
  for (const key of await ring.desk.keys.list()) expect([key.current, key.versions.length]).toEqual([6, 6])
  expect(lines.filter((line) => line.endsWith('rotated by its schedule'))).toHaveLength(15)
  expect((await Promise.all(rings.map(({ upkeep }) => upkeep.status()))).reduce((sum, { replaced }) => sum + replaced, 0)).toBe(15)
})

test('a key that is switched off waits until it is switched on; one that is old already is replaced at once; a schedule can be taken away', async () => {
  const { ring, pass } = open()
  await ring.desk.keys.create('sign', { kind: 'ed25519', rotateEveryDays: 10 }, 'ann')
  await ring.desk.keys.create('late', { kind: 'ed25519' }, 'ann')
  await ring.desk.keys.setState('sign', 'disabled', 'ann')
  const current = async () => (await ring.desk.keys.list()).map((key) => [key.name, key.current])
  await pass(50)
  expect(await current()).toEqual([['late', 1], ['sign', 1]])
  expect(await ring.upkeep.status()).toMatchObject({ made: 2, scheduled: 0, overdue: 0 })
  await ring.desk.keys.setState('sign', 'active', 'ann')
  await ring.desk.keys.schedule('late', { rotateEveryDays: 20 }, 'ann')
  expect(await ring.upkeep.status()).toMatchObject({ scheduled: 2, overdue: 2, next: { key: 'sign' } })
  await pass(0)
  expect(await current()).toEqual([['late', 2], ['sign', 2]])
  const taken = await ring.desk.keys.schedule('sign', { rotateEveryDays: null }, 'ann')
  expect([taken.rotateEveryDays, taken.dueAt]).toEqual([undefined, undefined])
  await pass(400)
  expect(await current()).toEqual([['late', 3], ['sign', 2]])
})

test('how long old versions go on may be said later, for older ones too, and none is switched off on the same day', async () => {
  const { ring, pass, clock } = open()
  await ring.desk.keys.create('sign', { kind: 'ed25519' }, 'ann')
  await ring.desk.keys.rotate('sign', 'ann')
  await pass(100)
  const now = clock.now()
  const offAt = async (keepOldDays: number | null) => (await ring.desk.keys.schedule('sign', { keepOldDays }, 'ann')).versions.map((one) => one.offAt)
  expect(await offAt(30)).toEqual([new Date(now + dayMs).toISOString(), undefined])
  expect((await offAt(300))[0]).toMatch(/^2026-10-28/)
  expect(await offAt(null)).toEqual([undefined, undefined])
})

test('what cannot be a schedule is refused, also for a secret that a partner holds too, and a change names what it started from', async () => {
  const { ring } = open()
  const { keys } = ring.desk
  await keys.create('sign', { kind: 'ed25519' }, 'ann')
  for (const rotateEveryDays of [0, -1, 1.5, 3651, '30' as unknown as number]) await expect(keys.schedule('sign', { rotateEveryDays }, 'ann')).rejects.toMatchObject({ code: 'key.schedule', status: 422 })
  await expect(keys.schedule('sign', { rotateEveryDays: 5 }, 'ann', 9)).rejects.toMatchObject({ code: 'record.stale', status: 412 })
  await expect(keys.schedule('none', { rotateEveryDays: 5 }, 'ann')).rejects.toMatchObject({ code: 'key.unknown' })
  const material = randomBytes(32).toString('base64url')
  await expect(keys.create('shared', { kind: 'hmac-256', material, rotateEveryDays: 30 }, 'ann')).rejects.toMatchObject({ code: 'key.schedule' })
  expect(await keys.create('shared', { kind: 'hmac-256', material }, 'ann')).toMatchObject({ versions: [{ made: 'import' }] })
  await expect(keys.schedule('shared', { rotateEveryDays: 30 }, 'ann')).rejects.toMatchObject({ code: 'key.schedule' })
  await keys.rotate('shared', 'ann') // its newest version is ours
  expect(await keys.schedule('shared', { rotateEveryDays: 30 }, 'ann')).toMatchObject({ rotateEveryDays: 30 })
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  expect(await keys.create('pair', { material: pem, rotateEveryDays: 30 }, 'ann')).toMatchObject({ rotateEveryDays: 30 })
})

test('a key that cannot be replaced goes on in use, is said once, and is replaced when it can be', async () => {
  const { ring, pass, failing, lines } = open()
  await ring.desk.keys.create('sign', { kind: 'ed25519', rotateEveryDays: 1 }, 'ann')
  failing.value = true
  await pass(2)
  await pass(0)
  expect(lines.filter((line) => line.includes('cannot be rotated'))).toHaveLength(1)
  expect(await ring.ask({ do: 'sign', key: 'sign', form: 'jws', data: b64('x') })).toMatchObject({ version: 1 })
  expect(await ring.upkeep.status()).toMatchObject({ overdue: 1 })
  failing.value = false
  await pass(0)
  expect(await ring.desk.keys.list()).toMatchObject([{ current: 2 }])
})
