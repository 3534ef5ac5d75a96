/**
 * An object as `multipart/form-data` (RFC 7578), with Node-RED's meaning: text and Buffers as they are,
 * `{ value, options: { filename, contentType } }` as a file, anything else as JSON.
 */
export function toMultipart(fields: Readonly<Record<string, unknown>>, boundary: string): { body: Buffer; contentType: string } {
  const parts: Buffer[] = []
  for (const [name, given] of Object.entries(fields)) {
    if (given === undefined || given === null) continue
    const isFile = typeof given === 'object' && !(given instanceof Uint8Array) && Object.hasOwn(given, 'value')
    const { value, options } = isFile ? (given as { value: unknown; options?: { filename?: unknown; contentType?: unknown } }) : { value: given, options: undefined }
    const filename = typeof options === 'string' ? options : options?.filename
    let head = `--${boundary}\r\nContent-Disposition: form-data; name="${escape(name)}"`
    if (filename !== undefined) head += `; filename="${escape(String(filename as string))}"`
    const type = options?.contentType ?? (filename === undefined ? undefined : 'application/octet-stream')
    if (type !== undefined) head += `\r\nContent-Type: ${String(type as string).replace(/[\r\n]/g, ' ')}`
    parts.push(Buffer.from(`${head}\r\n\r\n`), toBytes(value), Buffer.from('\r\n'))
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`))
  return { body: Buffer.concat(parts), contentType: `multipart/form-data; boundary=${boundary}` }
}

/** WHATWG HTML, multipart/form-data encoding: these three would end the quoted name. */
function escape(text: string): string {
  return text.replace(/\r/g, '%0D').replace(/\n/g, '%0A').replace(/"/g, '%22')
}

function toBytes(value: unknown): Buffer {
  if (typeof value === 'string') return Buffer.from(value)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return Buffer.from(JSON.stringify(value) ?? '')
}
