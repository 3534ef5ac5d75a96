import type { Line } from '../../runtime/core/lines/lines.ts'
import type { Scope } from '../../runtime/core/node.ts'

const everyMs = 1000

/** Shows under the node how many wait and are under way: at most once a second, and only while that changes. */
export function createDepthStatus(scope: Pick<Scope, 'status' | 'clock' | 'onRetire'>, line: Line): { changed(): void } {
  let cancel: (() => void) | undefined
  let dirty = false

  function show(): void {
    const { waiting, active, slots, paused } = line.facts()
    const waits = waiting.reduce((sum, count) => sum + count, 0)
    const text = `${waits} waiting · ${active.reduce((sum, count) => sum + count, 0)}${Number.isFinite(slots) ? `/${slots}` : ''} under way${paused ? ' · paused' : ''}`
    scope.status({ fill: paused ? 'red' : waits > 0 ? 'yellow' : 'green', shape: waits > 0 ? 'dot' : 'ring', text })
  }

  function tick(): void {
    cancel = undefined
    if (!dirty) return
    dirty = false
    show()
    cancel = scope.clock.setTimer(tick, everyMs)
  }

  scope.onRetire(() => cancel?.())
  return {
    changed() {
      dirty = true
      cancel ??= scope.clock.setTimer(tick, everyMs / 10)
    },
  }
}
