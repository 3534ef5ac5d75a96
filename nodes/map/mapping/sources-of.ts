import type { Row } from './row.ts'
import { parseSource } from './source-path.ts'

/**
 * What of the message a table reads: the names that its sources begin with, as far as they lead through plain names. Sources
 * of tables within may mean an item instead: to look at a field too many does no harm.
 */
export function sourcesOf(rows: readonly Row[]): readonly (readonly string[])[] {
  const found = new Map<string, readonly string[]>()
  const take = (text: string | undefined) => {
    const path = text === undefined ? undefined : parseSource(text)
    if (!path || String(path[0]).startsWith('$')) return
    const end = path.findIndex((part) => typeof part !== 'string')
    const names = (end === -1 ? path : path.slice(0, end)) as string[]
    found.set(JSON.stringify(names), names)
  }
  for (const row of rows) {
    take(row.from)
    for (const { with: args = [] } of row.do ?? []) for (const one of args) if ('from' in one) take(one.from)
    for (const names of row.each ? sourcesOf(row.each) : []) found.set(JSON.stringify(names), names)
  }
  return [...found.values()]
}
