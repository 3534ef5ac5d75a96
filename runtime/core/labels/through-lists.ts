import { type LabelEntry, LabelMap, unionOf } from './label-map.ts'
import { every, type LabelPart } from './label-path.ts'

/** What the items of lists carry, and of lists in them; nothing of what is no list. */
export function itemsOf(value: LabelMap): LabelMap {
  return LabelMap.of(value.entries.flatMap((entry): LabelEntry[] => {
    let { path } = entry
    while (isListPart(path[0])) path = path.slice(1)
    return path === entry.path ? [] : [{ ...entry, path }]
  }))
}

/** A value, and its items where it is a list: it may be either. */
export function flat(value: LabelMap): LabelMap {
  return value.and(itemsOf(value))
}

export function isListPart(part: LabelPart | undefined): boolean {
  return part === every || typeof part === 'number'
}

/** A value on the way along names: as it is, and what came out of lists. */
export interface AlongNames {
  readonly plain: LabelMap
  readonly listed: LabelMap
}

/** A name on a value, which on a list means the name on each item. */
export function nameBelow({ plain, listed }: AlongNames, name: string): AlongNames {
  return {
    listed: unionOf([itemsOf(plain), listed, itemsOf(listed)]).at([name]),
    plain: plain.filter(({ path }) => !isListPart(path[0])).at([name]),
  }
}

/** What came of names: what came out of lists may be a list, or the one item that there was. */
export function asValue({ plain, listed }: AlongNames): LabelMap {
  return unionOf([plain, listed, listed.under([every])])
}
