import type { Clock } from '../core/clock.ts'
import type { Lines, LineSpec } from '../core/lines.ts'
import { TimedLine } from './line/timed-line.ts'

/** The lines of one gateway, by scope and name. */
export interface MemoryLines extends Lines {
  find(name: string): TimedLine | undefined
  list(): readonly TimedLine[]
}

/** Lines in the memory of one gateway: what `cluster` means where there is no other gateway to share with. */
export function createMemoryLines(clock: Clock): MemoryLines {
  const open = new Map<string, { readonly line: TimedLine; holders: number }>()
  return {
    open(spec: LineSpec) {
      let held = open.get(spec.name)
      if (held) held.line.setPolicy(spec.policy)
      else open.set(spec.name, (held = { line: new TimedLine(spec, clock), holders: 0 }))
      held.holders += 1
      const { line } = held
      let closed = false
      return {
        line,
        close() {
          if (closed) return
          closed = true
          if (--held.holders > 0) return
          open.delete(spec.name)
          line.close()
        },
      }
    },
    find: (name) => open.get(name)?.line,
    list: () => [...open.values()].map(({ line }) => line),
  }
}
