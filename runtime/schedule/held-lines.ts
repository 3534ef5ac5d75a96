import type { Line, LinePolicy, LineSpec } from '../core/lines/lines.ts'

/** A line that is there for as long as somebody holds it. */
export interface HeldLine extends Line {
  setPolicy(policy: LinePolicy): void
  close(): unknown
}

/** Lines by name, each for all that opened it. */
export interface HeldLines<L extends HeldLine> {
  /** The line of this name, made when nobody has it; the policy given last holds. Who closes it last ends it. */
  open(spec: LineSpec): { readonly line: L; close(): void }
  find(name: string): L | undefined
  list(): readonly L[]
}

/** @param end told of a line that nobody holds any more, to close it; closed at once when absent */
export function createHeldLines<L extends HeldLine>(make: (spec: LineSpec) => L, end: (line: L) => void = (line) => void line.close()): HeldLines<L> {
  const open = new Map<string, { readonly line: L; holders: number }>()
  return {
    open(spec) {
      let held = open.get(spec.name)
      if (held) held.line.setPolicy(spec.policy)
      else open.set(spec.name, (held = { line: make(spec), holders: 0 }))
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
          end(line)
        },
      }
    },
    find: (name) => open.get(name)?.line,
    list: () => [...open.values()].map(({ line }) => line),
  }
}
