import { type LabelEntry, LabelMap, type Protection } from './label-map.ts'
import { covers, LabelPathError, parseLabelPath } from './label-path.ts'

/** Fields that a node protects: one place or several by their path, or all that carry a label. */
export interface ProtectedField {
  readonly by: 'path' | 'label'
  readonly field: string
}

/** A field of a property of the message, by a JSONPath in which `$` is that property. */
export function fieldBelow(property: string, path: string): ProtectedField {
  return { by: 'path', field: `${property.trim()}${path.trim().slice(1)}` }
}

/** What is known of a message after its fields were protected. What is protected already stays as it was. */
export function protect(map: LabelMap, fields: readonly ProtectedField[], protection: Protection): LabelMap {
  return fields.reduce((known, { by, field }) => (by === 'label' ? protectLabel(known, field.trim(), protection) : protectPath(known, field, protection)), map)
}

function protectPath(map: LabelMap, text: string, protection: Protection): LabelMap {
  const written = readPath(text).filter(({ whole }) => whole)
  return map.map((entry) => (!entry.protection && (protection.by === 'released' || !isOfRequest(entry)) && written.some(({ path }) => covers(path, entry.path)) ? { ...entry, protection } : entry))
}

/** Of a label that may be anywhere in a message everything is protected, but for the request that came, which stays as it is. */
function protectLabel(map: LabelMap, label: string, protection: Protection): LabelMap {
  return LabelMap.of(map.entries.flatMap((entry): LabelEntry[] => {
    if (entry.protection || entry.label !== label) return [entry]
    if (protection.by !== 'released' && entry.path.length === 0) return [{ ...entry, protection }, { ...entry, path: ['req'] }]
    return isOfRequest(entry) && protection.by !== 'released' ? [entry] : [{ ...entry, protection }]
  }))
}

/** The request as it came is nobody's to change: what it holds can be released, and copied elsewhere to be protected there. */
function isOfRequest({ path }: LabelEntry): boolean {
  return path[0] === 'req'
}

/** What is in clear again, as whoever protected it undoes it. */
export function reveal(map: LabelMap, fields: readonly ProtectedField[], by: Protection['by']): LabelMap {
  const found = fields.map((one) => ({ ...one, written: one.by === 'path' ? readPath(one.field) : [] }))
  return map.map((entry) => {
    const { protection, ...clear } = entry
    if (protection?.by !== by) return entry
    const meant = found.some(({ by: kind, field, written }) => (kind === 'label' ? field === entry.label : written.some(({ path }) => covers(path, entry.path) || covers(entry.path, path))))
    return meant ? clear : entry
  })
}

function readPath(text: string): ReturnType<typeof parseLabelPath> {
  try {
    return parseLabelPath(text)
  } catch (error) {
    if (!(error instanceof LabelPathError)) throw error
    return []
  }
}
