import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { watchFiles } from './watch-files.ts'

let folder: string
let seen: string[][]
let unwatch: () => void
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-watch-'))
  mkdirSync(join(folder, 'shop'))
  writeFileSync(join(folder, 'shop', 'flow.json'), 'one')
  seen = []
  unwatch = await watchFiles({ folders: [folder], matters: (file) => file.endsWith('.json'), changed: (files) => void seen.push(files.map((file) => file.slice(folder.length + 1))), everyMs: 20 })
})
afterEach(() => {
  unwatch()
  rmSync(folder, { recursive: true, force: true })
})

/** As editors save: a new file takes the place of the old one. */
function replace(text: string): void {
  writeFileSync(join(folder, 'shop', 'sedX1'), text)
  renameSync(join(folder, 'shop', 'sedX1'), join(folder, 'shop', 'flow.json'))
}

test('a file that is replaced again and again is noticed every time', async () => {
  for (const [index, text] of ['two', 'three', 'four'].entries()) {
    replace(text)
    await vi.waitFor(() => expect(seen.length).toBe(index + 1), 10_000)
  }
  expect(new Set(seen.flat())).toEqual(new Set([join('shop', 'flow.json')]))
})

test('files that come and go are noticed, those that do not matter are not, and a folder that vanishes ends nothing', async () => {
  writeFileSync(join(folder, 'notes.txt'), 'no')
  writeFileSync(join(folder, 'new.json'), 'yes')
  await vi.waitFor(() => expect(seen).toEqual([['new.json']]), 10_000)
  rmSync(join(folder, 'shop'), { recursive: true })
  await vi.waitFor(() => expect(seen.at(-1)).toEqual([join('shop', 'flow.json')]), 10_000)
  mkdirSync(join(folder, 'shop'))
  replace('back')
  await vi.waitFor(() => expect(seen.length).toBe(3), 10_000)
})
