const jsonFlag = 1
const utf16Flag = 2

/** A value as it is sealed and hashed: a byte of flags, then the text in UTF-8, or in UTF-16 where UTF-8 has no word for it (half a surrogate pair). */
export function toValueBytes(value: string, json: boolean | undefined): Buffer {
  const wellFormed = value.isWellFormed()
  const flags = (json ? jsonFlag : 0) | (wellFormed ? 0 : utf16Flag)
  const encoding = wellFormed ? 'utf8' : 'utf16le'
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(value, encoding))
  bytes[0] = flags
  bytes.write(value, 1, encoding)
  return bytes
}

export function fromValueBytes(bytes: Buffer): { readonly value: string; readonly json?: true } {
  const flags = bytes[0] as number
  const value = bytes.toString((flags & utf16Flag) === 0 ? 'utf8' : 'utf16le', 1)
  return (flags & jsonFlag) === 0 ? { value } : { value, json: true }
}
