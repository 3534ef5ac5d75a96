/**
 * The few calls of PKCS#11 (OASIS, version 2.40) that a vault makes, on any module: they are found through `C_GetFunctionList`, the
 * one function that every module exports. Structures are laid out by hand, so that nothing but addresses crosses into C.
 */
export interface Pkcs11Module {
  /** @throws Pkcs11Error `token` when no slot has a token of this label */
  openSession(tokenLabel: string): bigint
  login(session: bigint, pin: Buffer): void
  closeSession(session: bigint): void
  findKeys(session: bigint, label: string): readonly bigint[]
  attribute(session: bigint, object: bigint, type: number): Buffer
  generateAesKey(session: bigint, label: string, id: Buffer): bigint
  encryptGcm(session: bigint, key: bigint, nonce: Buffer, about: Buffer, plain: Uint8Array): Buffer
  decryptGcm(session: bigint, key: bigint, nonce: Buffer, about: Buffer, sealed: Uint8Array): Buffer
  close(): void
}

/** A call that a module refused: which, and the code of PKCS#11. Holds nothing of what was passed. */
export class Pkcs11Error extends Error {
  override readonly name = 'Pkcs11Error'
  readonly call: string
  readonly code: number

  constructor(call: string, code: number) {
    super(`${call} failed with 0x${code.toString(16)}`)
    this.call = call
    this.code = code
  }
}

export const attributes = { class: 0x0, token: 0x1, private: 0x2, label: 0x3, keyType: 0x100, id: 0x102, sensitive: 0x103, encrypt: 0x104, decrypt: 0x105, wrap: 0x106, unwrap: 0x107, valueLen: 0x161, extractable: 0x162 } as const

/** Codes after which the session is gone and another may do. */
export const sessionLost: ReadonlySet<number> = new Set([0x30, 0x32, 0xb0, 0xb3, 0xe0, 0x101, 0x190])

const secretKeyClass = 4
const aesKeyType = 0x1f
const aesKeyGen = 0x1080
const aesGcm = 0x1087
const userLogin = 1
const serialSession = 0x4
const readWriteSession = 0x2
const alreadyLoggedIn = 0x100
const alreadyInitialized = 0x191
const gcmTagBits = 128
const findAtOnce = 16

/** Places in the list of functions. */
const functionNames = [
  'C_Initialize', 'C_Finalize', 'C_GetInfo', 'C_GetFunctionList', 'C_GetSlotList', 'C_GetSlotInfo', 'C_GetTokenInfo', 'C_GetMechanismList', 'C_GetMechanismInfo', 'C_InitToken', 'C_InitPIN', 'C_SetPIN',
  'C_OpenSession', 'C_CloseSession', 'C_CloseAllSessions', 'C_GetSessionInfo', 'C_GetOperationState', 'C_SetOperationState', 'C_Login', 'C_Logout', 'C_CreateObject', 'C_CopyObject', 'C_DestroyObject',
  'C_GetObjectSize', 'C_GetAttributeValue', 'C_SetAttributeValue', 'C_FindObjectsInit', 'C_FindObjects', 'C_FindObjectsFinal', 'C_EncryptInit', 'C_Encrypt', 'C_EncryptUpdate', 'C_EncryptFinal', 'C_DecryptInit',
  'C_Decrypt', 'C_DecryptUpdate', 'C_DecryptFinal', 'C_DigestInit', 'C_Digest', 'C_DigestUpdate', 'C_DigestKey', 'C_DigestFinal', 'C_SignInit', 'C_Sign', 'C_SignUpdate', 'C_SignFinal', 'C_SignRecoverInit',
  'C_SignRecover', 'C_VerifyInit', 'C_Verify', 'C_VerifyUpdate', 'C_VerifyFinal', 'C_VerifyRecoverInit', 'C_VerifyRecover', 'C_DigestEncryptUpdate', 'C_DecryptDigestUpdate', 'C_SignEncryptUpdate',
  'C_DecryptVerifyUpdate', 'C_GenerateKey',
] as const

type FunctionName = (typeof functionNames)[number]

/** An argument: a number of C's `unsigned long`, or memory. */
type Argument = number | bigint | Buffer | null

/** @param path of the module, such as `/usr/lib/softhsm/libsofthsm2.so` */
export async function openPkcs11Module(path: string): Promise<Pkcs11Module> {
  // Native code, loaded only where PKCS#11 is configured.
  const { default: koffi } = await import('koffi')
  const library = koffi.load(path)
  const wordBytes = koffi.sizeof('ulong')
  const pointerBytes = koffi.sizeof('void *')
  // On Windows the structures of PKCS#11 are packed.
  const packed = process.platform === 'win32'
  const listOut = Buffer.alloc(pointerBytes)
  check('C_GetFunctionList', Number(library.func('C_GetFunctionList', 'ulong', ['void *'])(listOut)))
  const functions = koffi.decode(readPointer(listOut), packed ? 2 : pointerBytes, 'void *', functionNames.length) as readonly bigint[]
  const prototypes = new Map<string, ReturnType<typeof koffi.proto>>()

  function invoke(name: FunctionName, ...values: readonly Argument[]): number {
    const types = values.map((value) => (typeof value === 'number' || typeof value === 'bigint' ? 'ulong' : 'void *'))
    let prototype = prototypes.get(types.join())
    if (!prototype) prototypes.set(types.join(), (prototype = koffi.proto('ulong', types)))
    return Number(koffi.call(functions[functionNames.indexOf(name)], prototype, ...values))
  }

  function call(name: FunctionName, ...values: readonly Argument[]): void {
    check(name, invoke(name, ...values))
  }

  function readPointer(bytes: Buffer): bigint {
    return pointerBytes === 8 ? bytes.readBigUInt64LE() : BigInt(bytes.readUInt32LE())
  }

  function word(value: number | bigint): Buffer {
    const bytes = Buffer.alloc(wordBytes)
    if (wordBytes === 8) bytes.writeBigUInt64LE(BigInt(value))
    else bytes.writeUInt32LE(Number(value))
    return bytes
  }

  function pointer(to: Buffer | null): Buffer {
    const bytes = Buffer.alloc(pointerBytes)
    const address = to === null || to.length === 0 ? 0n : koffi.address(to)
    if (pointerBytes === 8) bytes.writeBigUInt64LE(address)
    else bytes.writeUInt32LE(Number(address))
    return bytes
  }

  function readWord(bytes: Buffer, at = 0): bigint {
    return wordBytes === 8 ? bytes.readBigUInt64LE(at * 8) : BigInt(bytes.readUInt32LE(at * 4))
  }

  /** Attributes one behind the other; their values must be kept until the call is over, so they are given back. */
  function template(list: readonly (readonly [type: number, value: Buffer])[]): { readonly bytes: Buffer; readonly values: readonly Buffer[] } {
    return { bytes: Buffer.concat(list.flatMap(([type, value]) => [word(type), pointer(value), word(value.length)])), values: list.map(([, value]) => value) }
  }

  const flag = (on: boolean) => own(Buffer.from([on ? 1 : 0]))

  function withGcm<T>(nonce: Buffer, about: Buffer, work: (mechanism: Buffer) => T): T {
    const [iv, aad] = [own(nonce), own(about)]
    const parameters = own(Buffer.concat([pointer(iv), word(iv.length), word(iv.length * 8), pointer(aad), word(aad.length), word(gcmTagBits)]))
    const mechanism = own(Buffer.concat([word(aesGcm), pointer(parameters), word(parameters.length)]))
    const result = work(mechanism)
    keep(iv, aad, parameters)
    return result
  }

  const initialized = invoke('C_Initialize', null)
  if (initialized !== alreadyInitialized) check('C_Initialize', initialized)

  return {
    openSession(tokenLabel) {
      const count = word(0)
      call('C_GetSlotList', 1n, null, count)
      const slots = Buffer.alloc(Math.max(1, Number(readWord(count))) * wordBytes)
      call('C_GetSlotList', 1n, slots, count)
      for (let at = 0; at < Number(readWord(count)); at++) {
        const slot = readWord(slots, at)
        const info = Buffer.alloc(512)
        if (invoke('C_GetTokenInfo', slot, info) !== 0) continue
        if (info.subarray(0, 32).toString('utf8').trimEnd() !== tokenLabel) continue
        const session = word(0)
        call('C_OpenSession', slot, serialSession | readWriteSession, null, null, session)
        return readWord(session)
      }
      throw new Pkcs11Error('token', 0xe0)
    },
    login(session, pin) {
      const result = invoke('C_Login', session, userLogin, pin, pin.length)
      if (result !== alreadyLoggedIn) check('C_Login', result)
    },
    closeSession(session) {
      invoke('C_CloseSession', session) // gone anyway when this fails
    },
    findKeys(session, label) {
      const { bytes, values } = template([[attributes.class, own(word(secretKeyClass))], [attributes.keyType, own(word(aesKeyType))], [attributes.label, own(Buffer.from(label))]])
      call('C_FindObjectsInit', session, bytes, values.length)
      keep(...values)
      const found: bigint[] = []
      try {
        for (;;) {
          const objects = Buffer.alloc(findAtOnce * wordBytes)
          const count = word(0)
          call('C_FindObjects', session, objects, findAtOnce, count)
          const some = Number(readWord(count))
          for (let at = 0; at < some; at++) found.push(readWord(objects, at))
          if (some < findAtOnce) return found
        }
      } finally {
        invoke('C_FindObjectsFinal', session)
      }
    },
    attribute(session, object, type) {
      const value = own(Buffer.alloc(256))
      const { bytes, values } = template([[type, value]])
      call('C_GetAttributeValue', session, object, bytes, 1)
      keep(...values)
      return value.subarray(0, Number(readWord(bytes.subarray(wordBytes + pointerBytes))))
    },
    generateAesKey(session, label, id) {
      const mechanism = Buffer.concat([word(aesKeyGen), pointer(null), word(0)])
      const { bytes, values } = template([
        [attributes.class, own(word(secretKeyClass))], [attributes.keyType, own(word(aesKeyType))], [attributes.valueLen, own(word(32))],
        [attributes.label, own(Buffer.from(label))], [attributes.id, own(id)],
        [attributes.token, flag(true)], [attributes.private, flag(true)], [attributes.sensitive, flag(true)], [attributes.extractable, flag(false)],
        [attributes.encrypt, flag(true)], [attributes.decrypt, flag(true)], [attributes.wrap, flag(false)], [attributes.unwrap, flag(false)],
      ])
      const key = word(0)
      call('C_GenerateKey', session, mechanism, bytes, values.length, key)
      keep(...values)
      return readWord(key)
    },
    encryptGcm(session, key, nonce, about, plain) {
      return withGcm(nonce, about, (mechanism) => {
        call('C_EncryptInit', session, mechanism, key)
        const out = Buffer.alloc(plain.length + gcmTagBits / 8)
        const length = word(out.length)
        const data = own(Buffer.from(plain))
        try {
          call('C_Encrypt', session, data, data.length, out, length)
        } finally {
          data.fill(0)
        }
        return out.subarray(0, Number(readWord(length)))
      })
    },
    decryptGcm(session, key, nonce, about, sealed) {
      return withGcm(nonce, about, (mechanism) => {
        call('C_DecryptInit', session, mechanism, key)
        // Some modules say that they need room for the tag as well.
        const out = Buffer.alloc(sealed.length)
        const length = word(out.length)
        const data = own(Buffer.from(sealed))
        call('C_Decrypt', session, data, data.length, out, length)
        return out.subarray(0, Number(readWord(length)))
      })
    },
    close() {
      // Another part of the process may use the module as well; whoever began ends.
      if (initialized !== alreadyInitialized) invoke('C_Finalize', null)
    },
  }
}

/** Memory that does not move and is nobody else's. */
function own(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}

/** What C was given addresses of must be reachable until the call is over. */
function keep(...held: readonly Buffer[]): void {
  for (const { length } of held) if (length < 0) throw new Error('unreachable')
}

function check(call: string, code: number): void {
  if (code !== 0) throw new Pkcs11Error(call, code)
}
