import { open, readdir, readFile, rm, truncate } from 'node:fs/promises'
import { chmodSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { syncFolder } from '../core/files/sync-folder.ts'
import type { SealedClientKey, SignedText } from '../core/sync-wire.ts'
import { readJson, writeWhole } from './whole-file.ts'

/**
 * Where a gateway keeps the records of callers: the pages of the last snapshot by hash, the signed list of them, and
 * the signed changes since, one a line. Secrets in it are sealed; the key of them is sealed under the folder's own.
 */
export function openClientsDisk(folder: string) {
  const own = join(folder, 'clients')
  mkdirSync(own, { recursive: true, mode: 0o700 })
  chmodSync(own, 0o700)
  const manifest = join(own, 'snapshot.json')
  const journal = join(own, 'changes.jsonl')
  const key = join(own, 'key.json')
  const pagePath = (hash: string) => join(own, `${hash}.page`)
  const present = new Set(readdirSync(own).flatMap((name) => (name.endsWith('.page') ? [name.slice(0, -'.page'.length)] : [])))
  let journalBytes = 0

  return {
    get journalBytes() {
      return journalBytes
    },
    loadManifest: () => readJson<SignedText>(manifest),
    loadKey: () => readJson<SealedClientKey>(key),
    saveKey: (sealed: SealedClientKey) => writeWhole(key, JSON.stringify(sealed)),
    hasPage: (hash: string) => present.has(hash),
    async loadPage(hash: string): Promise<string | undefined> {
      return await readFile(pagePath(hash), 'utf8').catch(() => undefined)
    },
    async savePage(hash: string, text: string): Promise<void> {
      await writeWhole(pagePath(hash), text)
      present.add(hash)
    },
    /** A page that proved to be damaged is written anew when it comes again. */
    distrust: (hash: string) => void present.delete(hash),
    /** The lines of the journal; the last one may be broken off and is then left out. */
    async loadJournal(): Promise<readonly string[]> {
      const text = await readFile(journal, 'utf8').catch(() => '')
      const whole = text.lastIndexOf('\n') + 1
      // What is added later must begin on a line of its own.
      if (whole < text.length) await truncate(journal, Buffer.byteLength(text.slice(0, whole)))
      journalBytes = Buffer.byteLength(text.slice(0, whole))
      return text.slice(0, whole).split('\n').slice(0, -1)
    },
    async append(lines: readonly string[]): Promise<void> {
      const text = lines.map((line) => `${line}\n`).join('')
      const handle = await open(journal, 'a', 0o600)
      try {
        await handle.writeFile(text)
        await handle.datasync()
      } finally {
        await handle.close()
      }
      journalBytes += Buffer.byteLength(text)
    },
    /** Makes a snapshot the one to start with; its pages are there already. Changes of before are part of it. */
    async keep(signed: SignedText, pages: ReadonlySet<string>): Promise<void> {
      await writeWhole(manifest, JSON.stringify(signed))
      await syncFolder(own)
      await rm(journal, { force: true })
      journalBytes = 0
      for (const name of await readdir(own)) {
        const hash = name.endsWith('.page') ? name.slice(0, -'.page'.length) : undefined
        if (hash === undefined ? !name.endsWith('.new') : pages.has(hash)) continue
        if (hash !== undefined) present.delete(hash)
        await rm(join(own, name), { force: true })
      }
    },
  }
}

export type ClientsDisk = ReturnType<typeof openClientsDisk>
