import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeFolder } from './make-folder.ts'

let base: string
beforeEach(() => void (base = mkdtempSync(join(tmpdir(), 'sluice-folder-'))))
afterEach(() => rmSync(base, { recursive: true, force: true }))

test('a folder is made with those above it, for its owner alone; one that is there is left as it is', () => {
  const folder = join(base, 'a', 'b', 'c')
  makeFolder(folder, 0o700)
  writeFileSync(join(folder, 'kept'), '')
  makeFolder(folder, 0o700)
  expect(existsSync(join(folder, 'kept'))).toBe(true)
  if (process.platform !== 'win32') expect(statSync(join(base, 'a')).mode & 0o777).toBe(0o700)
})

test('a file in the way is said', () => {
  writeFileSync(join(base, 'file'), '')
  expect(() => makeFolder(join(base, 'file'), 0o700)).toThrow(/EEXIST/)
  expect(() => makeFolder(join(base, 'file', 'below'), 0o700)).toThrow(/EEXIST|ENOTDIR/)
})

test.runIf(process.platform === 'linux')('where no folder can be made there is an end to trying', () => {
  expect(() => makeFolder('/proc/sluice/data', 0o700)).toThrow(/ENOENT/)
})
