import { fill } from '../../../runtime/core/saying.ts'
import type { TextKey } from '../../texts.ts'
import type { T } from '../consumers/view.ts'

/** What the vault says of material that it does not take, and what a person at a form reads instead. */
const sayings: readonly (readonly [RegExp, TextKey])[] = [
  [/ is encrypted\./, 'materialEncrypted'],
  [/format of OpenSSH/, 'materialOpenssh'],
  [/^This is a public key/, 'materialPublic'],
  [/^This is a certificate/, 'materialCertificate'],
  [/no whole private key/, 'materialNoPem'],
  [/more than one private key/, 'materialSeveral'],
  [/^This is a set of keys/, 'materialSet'],
  [/is no JSON/, 'materialNoJson'],
  [/no type of key/, 'materialNoType'],
  [/cannot be read/, 'materialUnreadable'],
  [/is not of kind (\S+?)(?:\.|; it is of kind (\S+)\.)$/, 'materialOtherKind'],
  [/is of no kind that is taken: (.*)\.$/, 'materialNoKind'],
  [/public half/, 'materialHalves'],
  [/can be guessed/, 'materialGuessed'],
  [/shorter than it looks: fewer than (\d+) bytes/, 'materialFilled'],
  [/^An RSA key has at least (\d+) bits; this one has (\d+)/, 'materialRsaSize'],
  [/public exponent of an RSA key is at least (\d+)/, 'materialRsaExponent'],
  [/^An AES key has (\d+) bytes; this one has (\d+)/, 'materialAesSize'],
  [/^An HMAC key has (\d+) to (\d+) bytes .*; this one has (\d+)/, 'materialHmacSize'],
  [/kind (\S+) is base64url/, 'materialBase64url'],
  [/kind (\S+) is imported as a private key/, 'materialPair'],
  [/longer than/, 'materialLong'],
  [/say the kind\.$/, 'materialSayKind'],
]

/** In the reader's words; `undefined` where there are none of its own. */
export function sayMaterialProblem(message: string, t: T): string | undefined {
  for (const [pattern, key] of sayings) {
    const found = pattern.exec(message)
    if (found) return fill(t(key), Object.fromEntries(found.slice(1).map((part, place) => [String(place), part ?? '–'])))
  }
  return undefined
}
