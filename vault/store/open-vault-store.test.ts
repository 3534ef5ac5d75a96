import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { silentLog } from '../../runtime/core/log.ts'
import { openVaultStore } from './open-vault-store.ts'

test('a database that cannot be opened is said, and what is no database is left as it is', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-vault-store-'))
  try {
    writeFileSync(join(dataDir, 'vault.sqlite'), 'this is a letter, and no database at all; it is long enough to be looked at')
    await expect(openVaultStore({ dataDir, log: silentLog })).rejects.toMatchObject({ code: 'store.unavailable' })
    mkdirSync(join(dataDir, 'folder', 'vault.sqlite'), { recursive: true })
    await expect(openVaultStore({ dataDir: join(dataDir, 'folder'), log: silentLog })).rejects.toMatchObject({ code: 'store.unavailable' })
    await expect(openVaultStore({ url: 'postgres://nobody@127.0.0.1:1/vault', dataDir, log: silentLog })).rejects.toThrow(/ECONNREFUSED/)
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})

test('records are written one version after the other, and others hear of it by a number', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-vault-store-'))
  const { records, close } = await openVaultStore({ dataDir, log: silentLog })
  try {
    const record = { kind: 'key', name: 'a', version: 1, facts: { set: 's' } } as const
    expect(await records.revision('key')).toBe(0)
    expect(await records.put({ ...record, version: 2 })).toBe(false)
    expect(await records.put(record)).toBe(true)
    expect(await records.put(record)).toBe(false)
    expect(await records.put({ ...record, version: 2, sealed: { keyId: '7', bytes: Uint8Array.of(1, 2) } })).toBe(true)
    const kept = await records.get('key', 'a')
    expect([kept?.version, kept?.facts, kept?.sealed?.keyId, [...(kept?.sealed?.bytes ?? [])]]).toEqual([2, { set: 's' }, '7', [1, 2]])
    expect((await records.list('key')).length + (await records.list('secret')).length).toBe(1)
    expect(await records.remove('key', 'a')).toBe(true)
    expect(await records.remove('key', 'a')).toBe(false)
    expect(await records.revision('key')).toBe(3)
    expect(await records.revision('secret')).toBe(0)
  } finally {
    await close()
    rmSync(dataDir, { recursive: true, force: true })
  }
})
