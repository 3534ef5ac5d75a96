import { Body } from '../../runtime/core/http/body.ts'
import { fault } from '../../runtime/core/fault.ts'
import { toJsonText } from '../../runtime/core/values/json-text.ts'

/** Bytes or text to send, and the content type to announce when the flow names none. */
export interface RequestBody {
  readonly body: Buffer | string | undefined
  readonly contentType: string | undefined
}

const none: RequestBody = { body: undefined, contentType: undefined }

/**
 * A value as a request body: bytes and unparsed bodies as they are, text as text, data as JSON, or as a form
 * when `contentType` says so. `undefined` is no body.
 */
export function toRequestBody(value: unknown, contentType: string | undefined): RequestBody {
  if (value === undefined) return none
  if (value instanceof Body) return { body: value.bytes(), contentType: value.contentType }
  if (typeof value === 'string') return { body: value, contentType: 'text/plain; charset=utf-8' }
  if (value instanceof Uint8Array) return { body: Buffer.from(value.buffer, value.byteOffset, value.byteLength), contentType: 'application/octet-stream' }
  if (contentType?.startsWith('application/x-www-form-urlencoded') && typeof value === 'object' && value !== null) return { body: toForm(value), contentType }
  try {
    return { body: toJsonText(value), contentType: 'application/json' }
  } catch (error) {
    throw fault('step.config', { message: `The body cannot be written as JSON: ${(error as Error).message}.` }, error)
  }
}

function toForm(value: object): string {
  const form = new URLSearchParams()
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined || item === null) continue
    for (const one of Array.isArray(item) ? (item as unknown[]) : [item]) form.append(name, typeof one === 'object' ? JSON.stringify(one) : String(one))
  }
  return form.toString()
}
