import type { Row } from './row.ts'
import { parseTarget } from './target.ts'

/** An object that rows make together: what stands under each name, in the order of the rows. */
export interface Branch {
  /** Places of the rows whose value gives its fields. */
  readonly spreads: readonly number[]
  /** The place of a row, or a branch of its own. */
  readonly fields: ReadonlyMap<string, number | Branch>
}

/** What rows make: a value, or an object. */
export type Layout = { readonly whole: number } | { readonly branch: Branch }

/** Lays the fields of rows out as a tree. Rows must have been checked: of two for one place the later wins. */
export function toLayout(rows: readonly Row[]): Layout {
  type Open = { spreads: number[]; fields: Map<string, number | Open> }
  const root: Open = { spreads: [], fields: new Map() }
  for (const [place, row] of rows.entries()) {
    const target = parseTarget(row.to)
    if (!target || target.kind === 'name') continue
    if (target.kind === 'whole') return { whole: place }
    let at = root
    for (const name of target.kind === 'field' ? target.path.slice(0, -1) : target.path) {
      const below = at.fields.get(name)
      const next: Open = typeof below === 'object' ? below : { spreads: [], fields: new Map() }
      at.fields.set(name, next)
      at = next
    }
    if (target.kind === 'fields') at.spreads.push(place)
    else at.fields.set(target.path.at(-1)!, place)
  }
  return { branch: root }
}
