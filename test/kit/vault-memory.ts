import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { Envelope, RecordStore, VaultRecord } from '../../vault/parts.ts'

/** Records in memory; `rows` is what a dump of the database would show. */
export function memoryRecords(): { readonly records: RecordStore; readonly rows: Map<string, VaultRecord> } {
  const rows = new Map<string, VaultRecord>()
  const revisions = new Map<string, number>()
  const key = (kind: string, name: string) => `${kind} ${name}`
  const count = (kind: string) => revisions.set(kind, (revisions.get(kind) ?? 0) + 1)
  const records: RecordStore = {
    list: async (kind) => [...rows.values()].filter((row) => row.kind === kind),
    get: async (kind, name) => rows.get(key(kind, name)),
    async put(record) {
      if ((rows.get(key(record.kind, record.name))?.version ?? 0) !== record.version - 1) return false
      rows.set(key(record.kind, record.name), structuredClone(record))
      count(record.kind)
      return true
    },
    async remove(kind, name, version) {
      if (version !== undefined && rows.get(key(kind, name))?.version !== version) return false
      count(kind)
      return rows.delete(key(kind, name))
    },
    revision: async (kind) => revisions.get(kind) ?? 0,
  }
  return { records, rows }
}

/** Seals under one key, made with it. */
export function memoryEnvelope(): Envelope {
  const key = randomBytes(32)
  const aad = (scope: string, about: string) => Buffer.from(`${scope}\0${about}`)
  return {
    async seal(scope, about, plain) {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad(scope, about))
      return { keyId: scope, bytes: Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]) }
    },
    async open(scope, about, sealed) {
      const bytes = Buffer.from(sealed.bytes)
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(aad(scope, about)).setAuthTag(bytes.subarray(-16))
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()])
    },
  }
}
