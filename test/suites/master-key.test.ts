import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openFileMasterKey } from '../../vault/master-key-file.ts'
import { openPkcs11MasterKey } from '../../vault/master-key-pkcs11.ts'
import type { MasterKey } from '../../vault/parts.ts'

const softHsm = '/usr/lib/softhsm/libsofthsm2.so'
const dataKey = Buffer.alloc(32, 7)

let folder: string
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'sluice-master-'))))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What is promised of a master key, wherever it lies. `open` opens the same one each time. */
function masterKeySuite(name: string, provider: MasterKey['provider'], open: () => Promise<MasterKey>): void {
  describe(`a master key in ${name}`, () => {
    test('wraps a data key, never twice the same, and gives it back', async () => {
      const key = await open()
      try {
        const [a, b] = [await key.wrap(dataKey), await key.wrap(dataKey)]
        expect(Buffer.from(a).equals(b)).toBe(false)
        expect(Buffer.from(a).includes(dataKey.subarray(0, 8))).toBe(false)
        expect(await key.unwrap(key.id, a)).toEqual(dataKey)
        expect(key.provider).toBe(provider)
        expect(new Date(key.since as string).getTime()).toBeLessThanOrEqual(Date.now())
      } finally {
        await key.close()
      }
    })

    test('refuses what was changed, what it did not wrap, and versions it does not have', async () => {
      const key = await open()
      try {
        const wrapped = Buffer.from(await key.wrap(dataKey))
        wrapped[wrapped.length - 1] = (wrapped.at(-1) as number) ^ 1
        await expect(key.unwrap(key.id, wrapped)).rejects.toThrow()
        await expect(key.unwrap(key.id, Buffer.alloc(60))).rejects.toThrow()
        await expect(key.unwrap('0'.repeat(16), await key.wrap(dataKey))).rejects.toThrow(/no version/)
        // A refusal spoils nothing.
        expect(await key.unwrap(key.id, await key.wrap(dataKey))).toEqual(dataKey)
      } finally {
        await key.close()
      }
    })

    test('after a rotation a new version wraps and the old one still unwraps, here, in another vault and after a restart', async () => {
      const [key, other] = [await open(), await open()]
      const before = { id: key.id, wrapped: await key.wrap(dataKey) }
      await key.rotate()
      expect(key.id).not.toBe(before.id)
      const after = { id: key.id, wrapped: await key.wrap(dataKey) }
      expect(await key.unwrap(before.id, before.wrapped)).toEqual(dataKey)
      expect(await other.unwrap(after.id, after.wrapped)).toEqual(dataKey)
      expect(other.id).toBe(after.id)
      await other.close()
      await key.close()
      const again = await open()
      expect(again.id).toBe(after.id)
      expect(await again.unwrap(before.id, before.wrapped)).toEqual(dataKey)
      await again.close()
    })
  })
}

masterKeySuite('a file', 'file', () => openFileMasterKey({ file: join(folder, 'keys', 'master') }))

test.skipIf(process.platform === 'win32')('a key file is its owner’s alone; one that others can read, or in a folder that they can enter, is refused', async () => {
  const file = join(folder, 'closed', 'master')
  await (await openFileMasterKey({ file })).close()
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(statSync(join(folder, 'closed')).mode & 0o777).toBe(0o700)
  chmodSync(file, 0o640)
  await expect(openFileMasterKey({ file })).rejects.toMatchObject({ code: 'config.invalid' })
  chmodSync(file, 0o600)
  chmodSync(join(folder, 'closed'), 0o755)
  await expect(openFileMasterKey({ file })).rejects.toThrow(/chmod 700/)
})

test('a line that a crash tore is no key, and what is added after it is one', async () => {
  const file = join(folder, 'torn', 'master')
  const key = await openFileMasterKey({ file })
  const [id, wrapped] = [key.id, await key.wrap(dataKey)]
  appendFileSync(file, readFileSync(file, 'utf8').trim().slice(0, 60))
  expect(key.id).toBe(id)
  await key.rotate()
  expect(key.id).not.toBe(id)
  expect(await key.unwrap(id, wrapped)).toEqual(dataKey)
  await key.close()
  writeFileSync(join(folder, 'torn', 'other'), 'not a key\n', { mode: 0o600 })
  await expect(openFileMasterKey({ file: join(folder, 'torn', 'other') })).rejects.toMatchObject({ code: 'config.invalid' })
})

describe.skipIf(!existsSync(softHsm))('PKCS#11', () => {
  const before = process.env['SOFTHSM2_CONF']
  const options = (more: object = {}) => ({ module: softHsm, tokenLabel: 'vault', pinFile: join(folder, 'pin'), ...more })
  beforeAll(() => {
    mkdirSync(join(folder, 'tokens'))
    writeFileSync(join(folder, 'softhsm2.conf'), `directories.tokendir = ${join(folder, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`)
    writeFileSync(join(folder, 'pin'), '1234\n', { mode: 0o600 })
    process.env['SOFTHSM2_CONF'] = join(folder, 'softhsm2.conf')
    execFileSync('softhsm2-util', ['--init-token', '--free', '--label', 'vault', '--pin', '1234', '--so-pin', '5678'], { stdio: 'ignore' })
  })
  afterAll(() => {
    if (before === undefined) delete process.env['SOFTHSM2_CONF']
    else process.env['SOFTHSM2_CONF'] = before
  })

  masterKeySuite('a PKCS#11 token', 'pkcs11', () => openPkcs11MasterKey(options()))

  test('a wrong PIN, another token, an open file of the PIN and a module that is none are said', async () => {
    writeFileSync(join(folder, 'wrong-pin'), '4321', { mode: 0o600 })
    await expect(openPkcs11MasterKey(options({ pinFile: join(folder, 'wrong-pin') }))).rejects.toThrow(/the PIN is wrong/)
    writeFileSync(join(folder, 'open-pin'), '1234', { mode: 0o600 })
    chmodSync(join(folder, 'open-pin'), 0o644)
    await expect(openPkcs11MasterKey(options({ pinFile: join(folder, 'open-pin') }))).rejects.toThrow(/chmod 600/)
    await expect(openPkcs11MasterKey(options({ pinFile: join(folder, 'no-pin') }))).rejects.toMatchObject({ code: 'config.invalid' })
    await expect(openPkcs11MasterKey(options({ tokenLabel: 'other' }))).rejects.toThrow(/no token with this label/)
    await expect(openPkcs11MasterKey(options({ module: join(folder, 'pin') }))).rejects.toMatchObject({ code: 'config.invalid' })
    const key = await openPkcs11MasterKey(options())
    expect(await key.unwrap(key.id, await key.wrap(dataKey))).toEqual(dataKey)
    await key.close()
  })
})
