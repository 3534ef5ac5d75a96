import { parseMessagePath, PathError, type PropertyPath } from '../values/property.ts'
import { LabelMap, unionOf } from './label-map.ts'
import { toLabelPath } from './label-path.ts'

/**
 * What a message carries when a place of it was set that is written as a property path. A name that is computed, `payload[msg.id]`, stands in the
 * message from then on, and so whatever holds it carries what was read for it.
 */
export function putAt(message: LabelMap, text: string, value: LabelMap): LabelMap {
  const path = parse(text)
  if (!path) return message.and(value).anywhere
  const at = toLabelPath(path)
  // Beside the last value there is what was there before, when the parent is no object.
  const set = at.length === 1 ? message.put(at, value) : message.and(value.under(at))
  return set.and(namesAlong(path, message))
}

/** What the names carry that are written at a place, when something is put there. */
export function labelsOfNames(text: string, message: LabelMap): LabelMap {
  const path = message.isEmpty ? undefined : parse(text)
  return path ? namesAlong(path, message) : LabelMap.none
}

/** What the key of a context carries that is written as a path: it is kept beyond the run as it is. */
export function labelsOfKey(text: string, message: LabelMap): LabelMap {
  return labelsOfNames(text.replace(/^#:\(\S+?\)::/, ''), message).anywhere
}

function namesAlong(path: PropertyPath, message: LabelMap): LabelMap {
  return unionOf(path.flatMap((part, index) => {
    if (typeof part !== 'object') return []
    const read = message.at(toLabelPath(part.ref))
    return [read.anywhere.under(toLabelPath(path.slice(0, index)))]
  }))
}

function parse(text: string): PropertyPath | undefined {
  try {
    return parseMessagePath(text)
  } catch (error) {
    if (!(error instanceof PathError)) throw error
    return undefined
  }
}
