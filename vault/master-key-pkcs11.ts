import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { fault } from '../runtime/core/fault.ts'
import type { MasterKey } from './parts.ts'
import { attributes, openPkcs11Module, Pkcs11Error, sessionLost, type Pkcs11Module } from './pkcs11-module.ts'

const nonceBytes = 12
const idTimeBytes = 6
const idBytes = 8
/** For so long the newest version is taken to be the newest. */
const freshMs = 1000

export interface Pkcs11Options {
  /** Path of the module that the maker of the token ships. */
  readonly module: string
  readonly tokenLabel: string
  /** File, its owner's alone, with the PIN of the user in its first line. */
  readonly pinFile: string
  /** Label of the keys; each is a version. Made when there is none. */
  readonly keyLabel?: string | undefined
  readonly now?: (() => number) | undefined
}

interface Version {
  readonly id: string
  readonly object: bigint
}

/**
 * The master key in a PKCS#11 token: AES-256 keys that are sensitive and cannot be extracted, made in the token, one for each
 * version. Data keys are wrapped by AES-GCM in the token (CKM_AES_GCM). The id of a version begins with the time it was made, so that
 * the newest is known to all vaults.
 * @throws Fault `config.invalid` when module, token, PIN or key cannot be used
 */
export async function openPkcs11MasterKey({ module: path, tokenLabel, pinFile, keyLabel = 'sluice-vault', now = Date.now }: Pkcs11Options): Promise<MasterKey> {
  let module: Pkcs11Module
  try {
    module = await openPkcs11Module(path)
  } catch (thrown) {
    throw fault('config.invalid', { message: `The PKCS#11 module ${path} cannot be used (${reasonOf(thrown)}).` }, thrown)
  }
  let session: bigint | undefined
  let versions: readonly Version[] = []
  let readAt = Number.NEGATIVE_INFINITY

  /** Does it in the session; in a new one when that was lost. */
  function inSession<T>(work: (session: bigint) => T): T {
    for (let tries = 0; ; tries++) {
      try {
        if (session === undefined) {
          session = module.openSession(tokenLabel)
          const pin = readPin(pinFile)
          try {
            module.login(session, pin)
          } finally {
            pin.fill(0)
          }
          versions = []
          readAt = Number.NEGATIVE_INFINITY
        }
        return work(session)
      } catch (thrown) {
        const lost = thrown instanceof Pkcs11Error && sessionLost.has(thrown.code)
        if (session !== undefined && (lost || tries > 0)) module.closeSession(session)
        if (session !== undefined && lost) session = undefined
        if (!lost || tries > 0) throw thrown
      }
    }
  }

  function read(): readonly Version[] {
    return inSession((open) => {
      versions = module
        .findKeys(open, keyLabel)
        .map((object): Version => {
          const isOn = (type: number) => module.attribute(open, object, type)[0] === 1
          if (!isOn(attributes.sensitive) || isOn(attributes.extractable)) throw fault('config.invalid', { message: `A key ${keyLabel} of the token ${tokenLabel} can be taken out of it. Remove it, or choose another label.` })
          return { id: module.attribute(open, object, attributes.id).toString('hex'), object }
        })
        .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      readAt = performance.now()
      return versions
    })
  }

  function current(): Version {
    // Another vault may have made a version.
    if (session === undefined || performance.now() - readAt > freshMs) read()
    const last = versions.at(-1)
    if (!last) throw new Error(`the token has no key ${keyLabel}`)
    return last
  }

  /** Handle of a version in the session of now. */
  function objectOf(id: string): bigint {
    const version = versions.find((one) => one.id === id) ?? read().find((one) => one.id === id)
    if (!version) throw new Error(`the master key has no version ${id}`)
    return version.object
  }

  function make(): void {
    inSession((open) => {
      const id = Buffer.alloc(idBytes)
      // Later than all that are there, whatever the clock says.
      const last = versions.at(-1)
      const newest = last ? Buffer.from(last.id, 'hex').readUIntBE(0, idTimeBytes) : 0
      id.writeUIntBE(Math.max(now(), newest + 1), 0, idTimeBytes)
      randomBytes(idBytes - idTimeBytes).copy(id, idTimeBytes)
      module.generateAesKey(open, keyLabel, id)
    })
    read()
  }

  try {
    if (read().length === 0) make()
  } catch (thrown) {
    if (session !== undefined) module.closeSession(session)
    module.close()
    if (!(thrown instanceof Pkcs11Error)) throw thrown
    throw fault('config.invalid', { message: `The token ${tokenLabel} of the PKCS#11 module ${path} cannot be used (${reasonOf(thrown)}).` }, thrown)
  }

  return {
    provider: 'pkcs11',
    get id() {
      return current().id
    },
    get since() {
      return new Date(Buffer.from(current().id, 'hex').readUIntBE(0, idTimeBytes)).toISOString()
    },
    async wrap(dataKey) {
      const { id } = current()
      const nonce = randomBytes(nonceBytes)
      return Buffer.concat([nonce, inSession((open) => module.encryptGcm(open, objectOf(id), nonce, Buffer.from(id), dataKey))])
    },
    async unwrap(id, wrapped) {
      const bytes = Buffer.from(wrapped)
      return inSession((open) => module.decryptGcm(open, objectOf(id), bytes.subarray(0, nonceBytes), Buffer.from(id), bytes.subarray(nonceBytes)))
    },
    async rotate() {
      read()
      make()
    },
    async close() {
      if (session !== undefined) module.closeSession(session)
      session = undefined
      module.close()
    },
  }
}

function readPin(file: string): Buffer {
  let bytes: Buffer
  try {
    if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) throw fault('config.invalid', { message: `The file of the PIN, ${file}, is open to others than its owner. Make it theirs alone: chmod 600 ${file}` })
    bytes = readFileSync(file)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === undefined || (thrown as { status?: number }).status !== undefined) throw thrown
    throw fault('config.invalid', { message: `The file of the PIN, ${file}, cannot be read (${(thrown as NodeJS.ErrnoException).code}).` }, thrown)
  }
  const end = bytes.findIndex((byte) => byte === 0x0a || byte === 0x0d)
  return end < 0 ? bytes : bytes.subarray(0, end)
}

/** Codes of PKCS#11 that operators meet. */
const reasons: Readonly<Record<number, string>> = { 0xa0: 'the PIN is wrong', 0xa4: 'the PIN is locked', 0xe0: 'no token with this label is there', 0x70: 'it does not know AES-GCM' }

function reasonOf(thrown: unknown): string {
  if (thrown instanceof Pkcs11Error) return reasons[thrown.code] ?? thrown.message
  return (thrown as Error).message
}
