import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** A key for sealing, with a short name of it that tells which key sealed a row. */
export interface SealingKey {
  readonly id: string
  readonly key: Buffer
}

/** The key of node credentials: from the setting when one is given, else `credentials.key` in the folder. `older` opens what it sealed. */
export function loadCredentialsKey(dataDir: string, setting: string | undefined): { current: SealingKey; older: readonly SealingKey[] } {
  const file = join(dataDir, 'credentials.key')
  if (setting === undefined) {
    const text = readOrMake(file, () => randomBytes(32).toString('base64'))
    return { current: toSealingKey(Buffer.from(text.trim(), 'base64')), older: [] }
  }
  // Any text is taken as a setting; hashing gives it the length of a key.
  const current = toSealingKey(createHash('sha256').update(setting, 'utf8').digest())
  try {
    return { current, older: [toSealingKey(Buffer.from(readFileSync(file, 'utf8').trim(), 'base64'))] }
  } catch {
    return { current, older: [] }
  }
}

/** Signs releases. The private key stays in `release.key`; gateways get the public half when they join. */
export interface ReleaseSigner {
  readonly publicKey: string
  sign(text: string): string
}

export function loadReleaseSigner(dataDir: string): ReleaseSigner {
  const pem = readOrMake(join(dataDir, 'release.key'), () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)
  const privateKey: KeyObject = createPrivateKey(pem)
  return {
    publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }) as string,
    sign: (text) => sign(null, Buffer.from(text, 'utf8'), privateKey).toString('base64'),
  }
}

function toSealingKey(key: Buffer): SealingKey {
  if (key.length !== 32) throw new Error('credentials.key does not hold 32 bytes in base64; restore it from a copy of the data folder.')
  return { id: createHash('sha256').update('key id').update(key).digest('hex').slice(0, 16), key }
}

/** A half-written key would lose everything sealed under it, so it is written beside and moved into place. */
function readOrMake(file: string, make: () => string): string {
  try {
    const text = readFileSync(file, 'utf8')
    chmodSync(file, 0o600)
    return text
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown
  }
  const text = make()
  const temporary = `${file}.new`
  const handle = openSync(temporary, 'w', 0o600)
  try {
    writeSync(handle, text)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(temporary, file)
  return text
}
