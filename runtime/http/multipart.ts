import { Busboy, type BusboyInstance } from '@fastify/busboy'
import { fault } from '../core/fault.ts'
import type { UploadedFile } from '../core/http/request-facts.ts'

export interface Multipart {
  /** Repeated fields are lists. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly files: readonly UploadedFile[]
}

const limits = { fieldNameSize: 200, fields: 1000, files: 100, parts: 1100, headerPairs: 100 }

/**
 * Takes a multipart/form-data body apart (RFC 7578). The bytes are there already and within the body limit.
 * @throws Fault `body.malformed`
 */
export function parseMultipart(bytes: Buffer, contentType: string): Promise<Multipart> {
  return new Promise((resolve, reject) => {
    const fields: Record<string, unknown> = {}
    const files: UploadedFile[] = []
    const fail = (reason: string, cause?: unknown): void => reject(fault('body.malformed', { type: 'multipart/form-data', reason }, cause))
    let parser: BusboyInstance
    try {
      parser = new Busboy({ headers: { 'content-type': contentType }, limits: { ...limits, fieldSize: bytes.length, fileSize: bytes.length + 1 } })
    } catch (error) {
      fail('it has no boundary', error)
      return
    }
    parser.on('field', (name, value) => addField(fields, name, value))
    parser.on('file', (fieldname, stream, originalname, encoding, mimetype) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('error', (error: Error) => fail('a file in it ends too early', error))
      stream.on('end', () => {
        const buffer = Buffer.concat(chunks)
        files.push({ fieldname, originalname, encoding, mimetype, size: buffer.length, buffer })
      })
    })
    parser.on('partsLimit', () => fail(`it has more than ${limits.parts} parts`))
    parser.on('filesLimit', () => fail(`it has more than ${limits.files} files`))
    parser.on('fieldsLimit', () => fail(`it has more than ${limits.fields} fields`))
    parser.on('error', (error: unknown) => fail('it ends too early or its parts are broken', error))
    parser.on('finish', () => resolve({ fields, files }))
    parser.end(bytes)
  })
}

function addField(fields: Record<string, unknown>, name: string, value: unknown): void {
  if (name in Object.prototype) return
  const before = fields[name]
  if (before === undefined) fields[name] = value
  else if (Array.isArray(before)) before.push(value)
  else fields[name] = [before, value]
}
