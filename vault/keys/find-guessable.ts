/** Bytes that a secret has to have of its own: 256 bits (RFC 7518 §3.2 for HMAC, §4.4 for AES). */
export const leastSecretBytes = 32
/** A run of one byte at an end that is no chance: 1 of 2⁵⁶ random secrets has one. */
const paddingBytes = 8
/** 32 random bytes have fewer different ones with a probability below 10⁻³⁶. */
const leastDifferent = 8

/**
 * Why material protects nothing, although it has the length: what somebody typed in place of a secret, a template that was never filled in, a
 * short secret filled up. `pattern`: few different bytes, a part that repeats, or bytes that count up or down; `filled`: what is left without the
 * same byte over and over at one end is shorter than a secret is. `undefined` for what a generator made, but for chances below 2⁻⁵⁰.
 */
export function findGuessable(bytes: Uint8Array): 'pattern' | 'filled' | undefined {
  if (new Set(bytes).size < leastDifferent || repeats(bytes) || counts(bytes)) return 'pattern'
  const padding = Math.max(runOf(bytes), runOf(bytes.toReversed()))
  return padding >= paddingBytes && bytes.length - padding < leastSecretBytes ? 'filled' : undefined
}

/** Whether a part of fewer bytes than a secret has stands there twice at least. */
function repeats(bytes: Uint8Array): boolean {
  const longest = Math.min(Math.floor(bytes.length / 2), leastSecretBytes - 1)
  for (let period = 1; period <= longest; period++) if (bytes.every((byte, place) => place < period || byte === bytes[place - period])) return true
  return false
}

/** Whether each byte is as far from the one before as all others are. */
function counts(bytes: Uint8Array): boolean {
  const step = (place: number) => ((bytes[place] ?? 0) - (bytes[place - 1] ?? 0)) & 0xff
  return bytes.every((_, place) => place < 2 || step(place) === step(1))
}

function runOf(bytes: Uint8Array): number {
  const end = bytes.findIndex((byte) => byte !== bytes[0])
  return end === -1 ? bytes.length : end
}
