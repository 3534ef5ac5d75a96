import type { Readable } from 'node:stream'
import { Busboy, type BusboyInstance } from '@fastify/busboy'
import { fault } from '../../runtime/core/fault.ts'

export interface FilePart {
  readonly field: string
  readonly name: string
  readonly type: string
  readonly stream: AsyncIterable<Buffer>
}

const limits = { fieldNameSize: 200, fields: 1000, fieldSize: 1024 * 1024, files: 100, parts: 1100, headerPairs: 100 }

/**
 * Takes a multipart/form-data body apart while it comes (RFC 7578): fields are collected, each file is given to `take` and waited for
 * before the next. A file that is not read stops everything behind it, so that nothing piles up.
 * @throws Fault `body.malformed`, and what `take` or the body throws
 */
export async function readMultipart(body: Readable, contentType: string, take: (file: FilePart) => Promise<void>): Promise<Record<string, unknown>> {
  const fields: Record<string, unknown> = {}
  const malformed = (reason: string, cause?: unknown) => fault('body.malformed', { type: 'multipart/form-data', reason }, cause)
  await new Promise<void>((resolve, reject) => {
    let parser: BusboyInstance
    let turn = Promise.resolve()
    let isOver = false
    const fail = (error: unknown): void => {
      if (isOver) return
      isOver = true
      body.unpipe(parser)
      body.destroy()
      reject(error instanceof Error ? error : malformed('it is broken', error))
    }
    try {
      parser = new Busboy({ headers: { 'content-type': contentType }, limits })
    } catch (error) {
      body.destroy()
      return reject(malformed('it has no boundary', error))
    }
    parser.on('field', (name, value) => addTo(fields, name, value))
    parser.on('file', (field, stream, name, _encoding, type) => {
      stream.on('error', () => {})
      turn = turn.then(() => (isOver ? undefined : take({ field, name, type: type.toLowerCase(), stream: stream as unknown as AsyncIterable<Buffer> })))
      turn.catch((error: unknown) => {
        fail(error)
        stream.resume()
      })
    })
    for (const [event, what] of [['partsLimit', `more than ${limits.parts} parts`], ['filesLimit', `more than ${limits.files} files`], ['fieldsLimit', `more than ${limits.fields} fields`]] as const) parser.on(event, () => fail(malformed(`it has ${what}`)))
    parser.on('error', (error: unknown) => fail(malformed('it ends too early or its parts are broken', error)))
    parser.on('finish', () => void turn.then(() => {
      isOver = true
      resolve()
    }, fail))
    body.on('error', (error) => {
      parser.destroy()
      fail(error)
    })
    body.pipe(parser)
  })
  return fields
}

/** Repeated names are lists. */
export function addTo(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name in Object.prototype) return
  const before = record[name]
  if (before === undefined) record[name] = value
  else if (Array.isArray(before)) before.push(value)
  else record[name] = [before, value]
}
