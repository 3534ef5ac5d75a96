import { createHash } from 'node:crypto'
import type { FlowDocument } from '../core/flow.ts'
import { toDocumentText } from './document-text.ts'

/** JSON with object keys sorted at every level: equal values give equal text, whatever order they were built in. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner
    const record = inner as Record<string, unknown>
    return Object.fromEntries(Object.keys(record).sort().map((key) => [key, record[key]]))
  })
}

/** SHA-256, hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}

/**
 * Content hash of a flow document. The order of keys counts, as the editor wrote them: JSON text keeps it
 * through parse and stringify, and sorting an estate of ten thousand routes would cost more than a deploy may take.
 */
export function hashDocument(document: FlowDocument): string {
  return sha256(toDocumentText(document))
}
