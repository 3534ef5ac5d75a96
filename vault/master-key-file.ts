import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { fault } from '../runtime/core/fault.ts'
import { makeFolder } from '../runtime/core/files/make-folder.ts'
import type { MasterKey } from './parts.ts'

const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16

interface Version {
  readonly id: string
  readonly key: Buffer
  readonly since: string
}

/**
 * The master key in a file for its owner alone: a line for each version (`id time base64`), the last of which wraps. Lines are only
 * ever added, so vaults that share the file cannot lose one of each other's, and a line that a crash tore is no line: the id is the
 * beginning of the key's hash. Made when it is not there.
 * @param file in a folder that only its owner may enter; made when it is not there
 * @throws Fault `config.invalid` when the folder, or the file, is open to others, or holds no key
 */
export async function openFileMasterKey({ file, now = Date.now }: { readonly file: string; readonly now?: (() => number) | undefined }): Promise<MasterKey> {
  makeFolder(dirname(file), 0o700)
  checkClosed(dirname(file), 'folder')
  let versions = readVersions(file)
  let stamp = stampOf(file)
  if (versions.length === 0) {
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0) throw fault('config.invalid', { message: `The master key file ${file} holds no key that is whole. Restore it from its backup.` })
    append(file, now())
    reload()
  }

  function reload(): void {
    versions = readVersions(file)
    stamp = stampOf(file)
  }

  function current(): Version {
    // Another vault, or an operator, may have added a version.
    if (stampOf(file) !== stamp) reload()
    const last = versions.at(-1)
    if (!last) throw fault('config.invalid', { message: `The master key file ${file} holds no key that is whole. Restore it from its backup.` })
    return last
  }

  return {
    provider: 'file',
    get id() {
      return current().id
    },
    get since() {
      return current().since
    },
    async wrap(dataKey) {
      const { id, key } = current()
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(id))
      return Buffer.concat([nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()])
    },
    async unwrap(id, wrapped) {
      const find = () => versions.find((version) => version.id === id)
      let version = find()
      if (!version) {
        reload()
        version = find()
      }
      if (!version) throw new Error(`the master key has no version ${id}`)
      const bytes = Buffer.from(wrapped)
      if (bytes.length < nonceBytes + tagBytes) throw new Error('it is no wrapped key')
      const decipher = createDecipheriv('aes-256-gcm', version.key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAAD(Buffer.from(id)).setAuthTag(bytes.subarray(bytes.length - tagBytes))
      const plain = decipher.update(bytes.subarray(nonceBytes, bytes.length - tagBytes))
      decipher.final()
      return plain
    },
    async rotate() {
      append(file, now())
      reload()
    },
    async close() {
      for (const { key } of versions) key.fill(0)
      versions = []
    },
  }
}

function readVersions(file: string): Version[] {
  let text: string
  try {
    const handle = openSync(file, 'r')
    try {
      if (process.platform !== 'win32' && (fstatSync(handle).mode & 0o077) !== 0) throw fault('config.invalid', { message: `The master key file ${file} is open to others than its owner. Make it theirs alone: chmod 600 ${file}` })
      text = readFileSync(handle, 'utf8')
    } finally {
      closeSync(handle)
    }
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw thrown
  }
  return text.split('\n').flatMap((line): Version[] => {
    const [id = '', since = '', base64 = ''] = line.split(' ')
    const key = Buffer.from(base64, 'base64')
    return key.length === keyBytes && idOf(key) === id ? [{ id, since, key }] : []
  })
}

/** Adds a version in one write, and waits until it is on disk: what it will wrap must not outlive it. */
function append(file: string, now: number): void {
  const key = randomBytes(keyBytes)
  const line = `${idOf(key)} ${new Date(now).toISOString()} ${key.toString('base64')}\n`
  const handle = openSync(file, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_SYNC ?? 0), 0o600)
  try {
    // A line that was torn ends here.
    writeSync(handle, fstatSync(handle).size > 0 ? `\n${line}` : line)
  } finally {
    closeSync(handle)
    key.fill(0)
  }
  const folder = openSync(dirname(file), 'r')
  try {
    fsyncSync(folder)
  } catch (thrown) {
    // Node's permission model takes fsync away; the file itself was opened so that each write waits for the disk.
    if ((thrown as NodeJS.ErrnoException).code !== 'ERR_ACCESS_DENIED') throw thrown
  } finally {
    closeSync(folder)
  }
}

function idOf(key: Buffer): string {
  return createHash('sha256').update('sluice master key').update(key).digest('hex').slice(0, 16)
}

function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat ? `${stat.ino} ${stat.size} ${stat.mtimeMs}` : ''
}

function checkClosed(folder: string, what: string): void {
  if (process.platform === 'win32') return
  if ((statSync(folder).mode & 0o077) !== 0) throw fault('config.invalid', { message: `The ${what} of the master key, ${folder}, can be read or entered by others than its owner. Make it theirs alone: chmod 700 ${folder}` })
}
