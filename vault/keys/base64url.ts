/** The bytes of base64url (RFC 4648 §5) as it is written by us: no padding, no stray bits. `undefined` for any other text. */
export function fromBase64url(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  // Two texts for the same bytes would let somebody change a signed text without its signature failing.
  return bytes.toString('base64url') === text ? bytes : undefined
}

export function toBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}
