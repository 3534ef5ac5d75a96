import { versionPattern } from '../../runtime/core/access/version-order.ts'
import { lifecycles } from './lifecycle.ts'

/** A JSON Schema (2020-12). What is below is what the schemas of all records are made of. */
export type Schema = Readonly<Record<string, unknown>>

/** An object with these members and no others. */
export const object = (properties: Schema, required: readonly string[]): Schema => ({ type: 'object', additionalProperties: false, properties, required })

/** Of ids that people choose. */
export const idPattern = '^[a-z0-9][a-z0-9._-]{0,63}$'
export const id = { type: 'string', pattern: idPattern, description: 'Lower case letters, digits and . _ -, 1 to 64.' }

/** One line of text, without control characters. */
export const line = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength, pattern: '^[^\\u0000-\\u001f\\u007f]*$' })

/** Text of several lines. PostgreSQL takes no NUL. */
export const text = { type: 'string', maxLength: 4000, pattern: '^[^\\u0000]*$' }

export const time = { type: 'string', format: 'date-time', description: 'RFC 3339.' }
export const environment = { enum: ['production', 'sandbox'] }
export const lifecycle = { enum: lifecycles }

/** Of an API, as its tab and its record say it. */
export const apiVersion = { type: 'string', pattern: versionPattern }

export const attributeName = '^[A-Za-z][A-Za-z0-9_.-]{0,63}$'
