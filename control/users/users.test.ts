import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Clock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { openControl, type OpenControl } from '../open-control.ts'
import { resetAdminPassword } from './reset-admin-password.ts'
import { addressBudgetLimits } from './address-budget.ts'
import { createThrottle, throttleLimits } from './throttle.ts'

let dataDir: string
let control: OpenControl
const clock = createHeldClock()

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-users-'))
  control = await open()
})
afterEach(async () => {
  await control.close()
  rmSync(dataDir, { recursive: true, force: true })
})

const open = (adminPassword?: string) => openControl({ dataDir, definitions: [], log: silentLog, clock, adminPassword, passwordCost: { n: 1024 } })
async function reopen(adminPassword?: string) {
  await control.close()
  control = await open(adminPassword)
}

test('the generated password of the first start is shown again until somebody signed in with it', async () => {
  const password = (await control.firstPassword()) as string
  expect(password.length).toBe(20)
  await reopen()
  expect(await control.firstPassword()).toBe(password)
  expect(await control.users.authenticate('admin', 'wrong password', '::1')).toBeUndefined()
  expect(await control.firstPassword()).toBe(password)
  expect(await control.users.authenticate('Admin', password, '::1')).toMatchObject({ name: 'admin', role: 'admin' })
  expect(await control.firstPassword()).toBeUndefined()
  await reopen()
  expect(await control.firstPassword()).toBeUndefined()
  expect(await control.users.authenticate('admin', password, '::1')).toBeDefined()
})

test('who tries many names at once from one address keeps nobody else from signing in', async () => {
  const password = (await control.firstPassword()) as string
  const tries = Array.from({ length: 300 }, (_, number) => control.users.authenticate(`name${number}`, 'a guess', number % 2 ? '2001:db8::1' : `2001:db8::${number.toString(16)}`).then(() => 'looked at', ({ code }: { code: string }) => code))
  await new Promise((resolve) => setImmediate(resolve))
  expect(await control.users.authenticate('admin', password, '192.0.2.7')).toMatchObject({ name: 'admin' })
  expect(new Set(await Promise.all(tries))).toEqual(new Set(['looked at', 'signin.slow']))
  expect(await control.users.authenticate('name1', 'a guess', '2001:db8::1')).toBeUndefined()
})

test('who tries one password with many names from one address is slow; people behind the same address who were there before go on', async () => {
  const password = (await control.firstPassword()) as string
  const guess = (name: string, from = '10.0.0.1') => control.users.authenticate(name, 'Summer2026', from).then((user) => user ?? 'wrong', ({ message }: Error) => message)
  for (let day = 0; day < addressBudgetLimits.atOnce + 10; day++) expect(await control.users.authenticate('admin', password, '10.0.0.1')).toBeDefined()
  for (let number = 0; number < addressBudgetLimits.atOnce; number++) expect(await guess(`name${number}`)).toBe('wrong')
  expect(await guess('another')).toBe('Too many wrong passwords came from this address. Try again in 2 seconds.')
  expect(await control.users.authenticate('admin', password, '10.0.0.1')).toBeDefined()
  const { password: hers } = await control.users.create({ name: 'vera', role: 'viewer' }, 'admin')
  await expect(control.users.authenticate('vera', hers, '10.0.0.1')).rejects.toMatchObject({ code: 'signin.slow', status: 429 })
  expect(await control.users.authenticate('vera', hers, '10.0.0.2')).toBeDefined()
  clock.advance(addressBudgetLimits.betweenMs)
  expect(await control.users.authenticate('vera', hers, '10.0.0.1')).toBeDefined()
  expect([await guess('another'), await guess('one more')]).toEqual(['wrong', expect.stringContaining('Too many')])
  expect(await guess('one more', '10.0.0.2')).toBe('wrong')
})

test('a password from the settings wins at every start and ends the sessions of before', async () => {
  const { token } = await control.users.issueToken('admin', 'page', 60_000)
  await reopen('from the environment')
  expect(await control.firstPassword()).toBeUndefined()
  expect(await control.users.verifyToken(token)).toBeUndefined()
  expect(await control.users.authenticate('admin', 'from the environment', '::1')).toBeDefined()
  await control.users.resetPassword('admin', 'admin', 'another password')
  const kept = await control.users.issueToken('admin', 'page', 60_000)
  await reopen('another password')
  expect(await control.users.verifyToken(kept.token)).toBeDefined()
  await reopen('from the environment')
  expect(await control.users.authenticate('admin', 'another password', '::1')).toBeUndefined()
})

test('whoever listens hears whose sessions have ended', async () => {
  await control.users.create({ name: 'Vera', role: 'viewer' }, 'admin')
  const ended: string[] = []
  control.on((event) => void (event.kind === 'sessions' && ended.push(event.user)))
  await control.users.setRole('vera', 'editor', 'admin')
  await control.users.setDisabled('Vera', true, 'admin')
  await control.users.setDisabled('vera', false, 'admin')
  expect(ended).toEqual(['vera'])
  await control.users.resetPassword('vera', 'admin')
  expect(ended).toEqual(['vera', 'vera'])
})

test('a lost password is reset on the folder, not while control has it', async () => {
  await expect(resetAdminPassword(dataDir)).rejects.toMatchObject({ code: 'store.locked' })
  await control.close()
  const password = await resetAdminPassword(dataDir)
  control = await open()
  expect(await control.users.authenticate('admin', password, '::1')).toBeDefined()
})

test('the last administrator can be neither disabled nor demoted', async () => {
  await control.users.create({ name: 'ann', role: 'admin' }, 'admin')
  await control.users.setDisabled('admin', true, 'ann')
  await expect(control.users.setDisabled('ann', true, 'ann')).rejects.toMatchObject({ code: 'user.last_admin', status: 409 })
  await expect(control.users.setRole('ann', 'viewer', 'ann')).rejects.toMatchObject({ code: 'user.last_admin' })
  await control.users.setDisabled('admin', false, 'ann')
  const both = await Promise.allSettled([control.users.setRole('ann', 'viewer', 'admin'), control.users.setRole('admin', 'viewer', 'ann')])
  expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
})

test('names are taken once, whatever their case, and have to be names', async () => {
  const { user, password } = await control.users.create({ name: 'Bob', role: 'editor' }, 'admin')
  expect(user).toMatchObject({ name: 'bob', role: 'editor', disabled: false })
  expect(await control.users.authenticate('BOB', password, '::1')).toBeDefined()
  await expect(control.users.create({ name: 'bob', role: 'viewer' }, 'admin')).rejects.toMatchObject({ code: 'user.exists', status: 409 })
  for (const name of ['', '../x', 'a b', '-x', 'x'.repeat(65)]) {
    await expect(control.users.create({ name, role: 'viewer' }, 'admin')).rejects.toMatchObject({ code: 'user.name', status: 422 })
  }
})

test('a session ends with its time, its revocation, a new password, or its user', async () => {
  await control.users.create({ name: 'eve', role: 'viewer' }, 'admin')
  const issue = async () => (await control.users.issueToken('eve', 'page', 60_000)).token
  const alive = async (token: string) => (await control.users.verifyToken(token)) !== undefined
  const [timed, revoked] = [await issue(), await issue()]
  expect(await alive(revoked)).toBe(true)
  await control.users.revokeToken(revoked)
  expect(await alive(revoked)).toBe(false)
  clock.advance(60_000)
  expect(await alive(timed)).toBe(false)
  const reset = await issue()
  await control.users.resetPassword('eve', 'admin')
  expect(await alive(reset)).toBe(false)
  const disabled = await issue()
  await control.users.setDisabled('eve', true, 'admin')
  await control.users.setDisabled('eve', false, 'admin')
  expect(await alive(disabled)).toBe(false)
})

test('guessing gets slower and slower for one name from one address, and nobody else notices', async () => {
  const password = (await control.firstPassword()) as string
  for (let tries = 0; tries < 3; tries++) await control.users.authenticate('admin', 'wrong password', '10.0.0.1')
  let done = false
  const slow = control.users.authenticate('admin', password, '10.0.0.1').then((user) => ((done = true), user))
  expect(await control.users.authenticate('admin', password, '10.0.0.2')).toBeDefined()
  expect(done).toBe(false)
  clock.advance(throttleLimits.firstDelayMs)
  expect(await slow).toBeDefined()
  expect(await control.users.authenticate('admin', password, '10.0.0.1')).toBeDefined()
})

test('a flood of guesses is refused instead of being kept waiting, and what is remembered stays bounded', () => {
  const throttle = createThrottle(clock, { ...throttleLimits, entries: 100 })
  const reserved = Array.from({ length: 1000 }, () => throttle.reserve('admin'))
  expect(reserved.filter(({ refused }) => !refused).length).toBeLessThan(20)
  for (let name = 0; name < 1000; name++) throttle.reserve(`user ${name}`)
  expect(throttle.size).toBe(100)
})

test('what lies in the data folder is for its owner only', () => {
  for (const file of ['store.db', 'credentials.key', 'release.key']) expect(statSync(join(dataDir, file)).mode & 0o777).toBe(0o600)
})

test('who did what is written down', async () => {
  await control.users.create({ name: 'ann', role: 'viewer' }, 'admin')
  await control.users.setRole('ann', 'editor', 'admin')
  expect((await control.audit.list(10)).map(({ user, action }) => `${user} ${action}`).toSorted()).toEqual(['admin user.create', 'admin user.role', 'start user.create'])
})

/** Time stands still until `advance`; due timers fire at once. */
function createHeldClock(): Clock & { advance(ms: number): void } {
  let now = Date.UTC(2026, 0, 1)
  const timers = new Set<{ at: number; callback: () => void }>()
  return {
    now: () => now,
    elapsed: () => now,
    setTimer(callback, afterMs) {
      const timer = { at: now + afterMs, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance(ms) {
      now += ms
      for (const timer of timers) {
        if (timer.at > now) continue
        timers.delete(timer)
        timer.callback()
      }
    },
  }
}
