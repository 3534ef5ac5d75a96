import { createHash, verify, X509Certificate } from 'node:crypto'
import { readDer, tags, toDer, toDerInteger, toDerOid, within, type DerItem } from './der.ts'
import { say } from './sayings.ts'

/** Time stamps of RFC 3161: somebody with a clock signs that a hash was there. */

const sha256 = toDerOid('2.16.840.1.101.3.4.2.1')
const signedData = toDerOid('1.2.840.113549.1.7.2')
const tstInfo = toDerOid('1.2.840.113549.1.9.16.1.4')
const messageDigest = toDerOid('1.2.840.113549.1.9.4')
/** CMS digests by OID, as node:crypto calls them. */
const digests: ReadonlyMap<string, string> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'], ['2.16.840.1.101.3.4.2.2', 'sha384'], ['2.16.840.1.101.3.4.2.3', 'sha512'],
].map(([oid, name]) => [toDerOid(oid as string).toString('hex'), name as string]))

export const timestampQueryType = 'application/timestamp-query'

/** A TimeStampReq (§2.4.1) for a SHA-256 hash, that asks for the certificate too. `nonce`: random bytes. */
export function toTimestampQuery(hash: string, nonce: Buffer): Buffer {
  return toDer(
    tags.sequence,
    toDerInteger(Buffer.from([1])),
    toDer(tags.sequence, toDer(tags.sequence, sha256, toDer(tags.null)), toDer(tags.octets, Buffer.from(hash, 'hex'))),
    toDerInteger(nonce),
    toDer(tags.boolean, Buffer.from([0xff])),
  )
}

export interface Timestamp {
  /** When, ISO 8601, as the authority says. */
  readonly at: string
  /** Checks the authority's signature and that this certificate made it; whether the certificate is one to trust is not asked. */
  isSignedBy(certificate: string): boolean
}

/**
 * Reads a TimeStampResp (§2.4.2): granted, over this SHA-256 hash, and with this nonce when one is given.
 * @throws TimestampProblem with a sentence when it is not
 */
export function readTimestamp(response: Buffer, hash: string, nonce?: Buffer): Timestamp {
  let parts: ReturnType<typeof parse>
  try {
    parts = parse(response)
  } catch (cause) {
    throw cause instanceof TimestampProblem ? cause : new TimestampProblem('unreadable', { cause })
  }
  const { info, imprint } = parts
  if (!imprint.algorithm.subarray(0, sha256.length).equals(sha256) || imprint.hash !== hash) throw new TimestampProblem('hash')
  if (nonce && !info.some(({ tag, whole }) => tag === tags.integer && whole.equals(toDerInteger(nonce)))) throw new TimestampProblem('nonce')
  return { at: parts.at, isSignedBy: (certificate) => isSigned(parts, certificate) }
}

/** Why a time stamp proves nothing. */
export class TimestampProblem extends Error {
  readonly kind: 'unreadable' | 'refused' | 'hash' | 'nonce'

  constructor(kind: TimestampProblem['kind'], options?: ErrorOptions) {
    super(say({ code: `witness.stamp_${kind}`, facts: {} }), options)
    this.kind = kind
  }
}

function parse(response: Buffer) {
  const [status, token] = within(readDer(response)[0])
  const code = within(status)[0]
  const number = code?.tag === tags.integer ? code.value.readUIntBE(0, code.value.length) : -1
  if (number !== 0 && number !== 1) throw new TimestampProblem('refused', { cause: new Error(`status ${number}`) })
  const [type, content] = within(token)
  if (!type?.whole.equals(signedData)) throw new Error('no SignedData')
  const signed = within(within(content, 0xa0)[0])
  const [contentType, wrapped] = within(signed[2])
  if (!contentType?.whole.equals(tstInfo)) throw new Error('no TSTInfo')
  const octets = within(wrapped, 0xa0)[0]
  if (octets?.tag !== tags.octets) throw new Error('no TSTInfo')
  const info = within(readDer(octets.value)[0])
  const [algorithm, hashed] = within(info[2])
  if (!algorithm || hashed?.tag !== tags.octets) throw new Error('no message imprint')
  const time = info[4]
  if (time?.tag !== tags.generalizedTime) throw new Error('no time')
  return { info: info.slice(5), imprint: { algorithm: readDer(algorithm.value)[0]?.whole ?? Buffer.alloc(0), hash: hashed.value.toString('hex') }, at: toIso(time), content: octets.value, signer: within(signed.at(-1), tags.set)[0] }
}

/** GeneralizedTime as §2.4.2 restricts it: UTC, to the second or closer. */
function toIso({ value }: DerItem): string {
  const found = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?Z$/.exec(value.toString('latin1'))
  if (!found) throw new Error('no time')
  const [, year, month, day, hour, minute, second, fraction = ''] = found
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction.slice(0, 4)}Z`).toISOString()
}

/** SignerInfo of RFC 5652 §5.3 with signed attributes: the signature is over these, re-tagged as a SET. */
function isSigned({ content, signer }: ReturnType<typeof parse>, certificate: string): boolean {
  try {
    const fields = within(signer)
    const digest = digests.get(within(fields[2])[0]?.whole.toString('hex') ?? '')
    const attributes = fields[3]
    const signature = fields.slice(4).find(({ tag }) => tag === tags.octets)
    if (!digest || attributes?.tag !== 0xa0 || !signature) return false
    const hashed = readDer(attributes.value).map((attribute) => within(attribute)).find(([type]) => type?.whole.equals(messageDigest))
    const value = within(hashed?.[1], tags.set)[0]?.value
    if (!value?.equals(createHash(digest).update(content).digest())) return false
    const covered = Buffer.concat([Buffer.from([tags.set]), attributes.whole.subarray(1)])
    return verify(digest, covered, new X509Certificate(certificate).publicKey, signature.value)
  } catch {
    return false
  }
}
