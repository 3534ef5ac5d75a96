import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from '../core/files/sync-folder.ts'
import type { RevisionText, SignedManifest } from '../core/sync-wire.ts'
import { readJson, writeWhole } from './whole-file.ts'

/** Who this gateway is to control. */
export interface Identity {
  readonly gatewayId: string
  readonly key: string
  /** Keys that sign releases: the present one first, then the one before a new join. */
  readonly publicKeys: readonly string[]
}

/** A release as it lies on disk; its documents lie beside it, by hash. */
export interface StoredRelease extends SignedManifest {
  /** Node credentials, sealed under the key of this folder. */
  readonly credentials: string
  /** Version of the gateway that prepared it. */
  readonly version?: string
}

const writesAtOnce = 16

/** The gateway's folder (0700): its identity, the last good release, and the documents of it. */
export function openDisk(folder: string) {
  const revisions = join(folder, 'revisions')
  const present = new Set<string>()
  mkdirSync(revisions, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)

  const path = (name: string) => join(folder, name)
  const revisionPath = (hash: string) => join(revisions, `${hash}.json`)

  async function writeRevisions(texts: readonly RevisionText[]): Promise<void> {
    for (let start = 0; start < texts.length; start += writesAtOnce) {
      await Promise.all(texts.slice(start, start + writesAtOnce).map(({ hash, text }) => writeWhole(revisionPath(hash), text)))
    }
    for (const { hash } of texts) present.add(hash)
  }

  return {
    loadIdentity: () => readJson<Identity>(path('identity.json')),
    saveIdentity: (identity: Identity) => writeWhole(path('identity.json'), JSON.stringify(identity)),
    /** Seals what lies in this folder; made on first use. */
    async sealKey(): Promise<Buffer> {
      const text = await readFile(path('seal.key'), 'utf8').catch(() => undefined)
      if (text !== undefined && Buffer.from(text, 'base64').length === 32) return Buffer.from(text, 'base64')
      const key = randomBytes(32)
      await writeWhole(path('seal.key'), key.toString('base64'))
      return key
    },
    loadRelease: () => readJson<StoredRelease>(path('release.json')),
    /** Puts a release beside the good one, so that making it the good one is a rename that needs no space. */
    async stage(release: StoredRelease, texts: readonly RevisionText[]): Promise<void> {
      const missing = texts.filter(({ hash }) => !present.has(hash))
      // Nothing refers to it before `keepStaged`, so it need not wait for the documents.
      const [pointer, documents] = await Promise.allSettled([writeWhole(path('next.json'), JSON.stringify(release)), writeRevisions(missing)])
      if (documents.status === 'rejected') throw documents.reason
      if (pointer.status === 'rejected') throw pointer.reason
    },
    keepStaged(): void {
      renameSync(path('next.json'), path('release.json'))
    },
    dropStaged: () => rm(path('next.json'), { force: true }),
    /** Read without a thread pool's detour: a small file, of which a start needs hundreds. */
    loadRevision(hash: string): RevisionText | undefined {
      if (!/^[0-9a-f]{64}$/.test(hash)) return undefined
      try {
        const text = readFileSync(revisionPath(hash), 'utf8')
        present.add(hash)
        return { hash, text }
      } catch {
        return undefined
      }
    },
    /** A document that proved to be damaged is written anew when it comes again. */
    distrust(hash: string): void {
      present.delete(hash)
    },
    /** Removes the documents that no release needs any more, and makes the rename of the good one last. */
    async tidy(needed: ReadonlySet<string>): Promise<void> {
      await syncFolder(folder)
      for (const name of await readdir(revisions)) {
        const hash = name.slice(0, 64)
        if (needed.has(hash) && name === `${hash}.json`) continue
        present.delete(hash)
        await rm(join(revisions, name), { force: true })
      }
    },
  }
}

export type Disk = ReturnType<typeof openDisk>
