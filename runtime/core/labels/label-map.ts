import { covers, every, isOnePlace, type LabelPath, labelPathText, restBelow } from './label-path.ts'

/** Where a label was given: a node, and the path that it was written with. */
export interface LabelOrigin {
  readonly flow: string
  readonly node: string
  readonly path: string
}

/** What was done to a value so that it may leave: where, and for `released` why. */
export interface Protection {
  readonly by: 'token' | 'mask' | 'cipher' | 'released'
  readonly flow: string
  readonly node: string
  readonly reason?: string
}

/** What is known of a message: whatever lies at or below this path may carry this label. */
export interface LabelEntry {
  readonly path: LabelPath
  readonly label: string
  readonly from: LabelOrigin
  /** Absent: in clear. */
  readonly protection?: Protection
}

/** Longer paths, and more entries, than anybody draws; beyond them is said less exactly and never less. */
const longestPath = 10
const mostEntries = 150

/**
 * What the compiler knows of a message, or of a value, on a wire: which labels may lie where. Immutable. What it does not name
 * carries no label; what it cannot say exactly it says of more than is so.
 */
export class LabelMap {
  static readonly none: LabelMap = new LabelMap([])
  readonly entries: readonly LabelEntry[]

  private constructor(entries: readonly LabelEntry[]) {
    this.entries = entries
  }

  static of(entries: readonly LabelEntry[]): LabelMap {
    return entries.length === 0 ? LabelMap.none : new LabelMap(normalise(entries))
  }

  get isEmpty(): boolean {
    return this.entries.length === 0
  }

  /** What is in clear. */
  get clear(): LabelMap {
    return this.entries.some(({ protection }) => protection) ? this.filter(({ protection }) => !protection) : this
  }

  /** What is not for people who look on: what is in clear, and what was released, to those it was released to. */
  get unseen(): LabelMap {
    return this.filter(({ protection }) => !protection || protection.by === 'released')
  }

  /** Names of labels, sorted. */
  get labels(): readonly string[] {
    return [...new Set(this.entries.map(({ label }) => label))].sort()
  }

  filter(keep: (entry: LabelEntry) => boolean): LabelMap {
    const kept = this.entries.filter(keep)
    return kept.length === this.entries.length ? this : LabelMap.of(kept)
  }

  map(change: (entry: LabelEntry) => LabelEntry): LabelMap {
    return LabelMap.of(this.entries.map(change))
  }

  /** What the value at a path carries. */
  at(path: LabelPath): LabelMap {
    return LabelMap.of(this.entries.flatMap((entry) => restBelow(entry.path, path).map((rest) => ({ ...entry, path: rest }))))
  }

  /** The value as a part of another, at a path. */
  under(path: LabelPath): LabelMap {
    return path.length === 0 ? this : this.map((entry) => ({ ...entry, path: [...path, ...entry.path] }))
  }

  /** All of its labels, anywhere: of something that was computed from the value in a way that nobody can follow. */
  get anywhere(): LabelMap {
    return this.map((entry) => ({ ...entry, path: [] }))
  }

  /** Without what lies at a path, as far as all of it certainly does. */
  without(path: LabelPath): LabelMap {
    return this.filter((entry) => !covers(path, entry.path))
  }

  /** With a value at a path: what was there is gone, when the path says which place it is. */
  put(path: LabelPath, value: LabelMap): LabelMap {
    return (isOnePlace(path) ? this.without(path) : this).and(value.under(path))
  }

  /** As it is, or as the other one is. */
  and(other: LabelMap): LabelMap {
    if (other.isEmpty || other === this) return this
    if (this.isEmpty) return other
    return LabelMap.of([...this.entries, ...other.entries])
  }

  /** Items of lists at this path may have moved up or down. */
  withMovedItems(list: LabelPath): LabelMap {
    return this.map((entry) => {
      const part = entry.path[list.length]
      return typeof part === 'number' && covers(list, entry.path) ? { ...entry, path: entry.path.with(list.length, every) } : entry
    })
  }

  /** Equal for equal knowledge. */
  get key(): string {
    return this.entries.map(keyOf).join('\n')
  }

  /** Whether it says nothing that the other does not say. */
  isWithin(other: LabelMap): boolean {
    if (this === other || this.isEmpty) return true
    return other.and(this).key === other.key
  }
}

export function unionOf(maps: Iterable<LabelMap>): LabelMap {
  const entries: LabelEntry[] = []
  for (const map of maps) entries.push(...map.entries)
  return LabelMap.of(entries)
}

/** What is known of an entry beside its path. */
function kindOf({ label, from, protection }: LabelEntry): string {
  return `${label} ${from.flow} ${from.node} ${from.path} ${protection ? `${protection.by} ${protection.flow} ${protection.node}` : ''}`
}

function keyOf(entry: LabelEntry): string {
  return `${labelPathText(entry.path)} ${kindOf(entry)}`
}

/** Each once, none that lies below another of its kind, sorted, bounded. */
function normalise(given: readonly LabelEntry[]): readonly LabelEntry[] {
  let entries = unique(given.map((entry) => (entry.path.length > longestPath ? { ...entry, path: entry.path.slice(0, longestPath) } : entry)))
  for (const length of [2, 1, 0]) if (entries.length > mostEntries) entries = unique(entries.map((entry) => ({ ...entry, path: entry.path.slice(0, length) })))
  return entries
}

function unique(given: readonly LabelEntry[]): readonly LabelEntry[] {
  const byKey = new Map(given.map((entry) => [keyOf(entry), entry]))
  const entries = [...byKey]
  if (entries.length > 1) {
    const kinds = Map.groupBy(entries, ([, entry]) => kindOf(entry))
    for (const kind of kinds.values()) {
      if (kind.length === 1) continue
      for (const [key, entry] of kind) if (kind.some(([otherKey, other]) => otherKey !== key && byKey.has(otherKey) && covers(other.path, entry.path))) byKey.delete(key)
    }
  }
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry)
}
