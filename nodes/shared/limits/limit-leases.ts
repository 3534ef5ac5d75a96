import type { Scope } from '../../../runtime/core/node.ts'
import type { Run } from '../../../runtime/core/run.ts'
import type { LeaseCharge } from '../../../runtime/core/state/state.ts'

/** Holds slots for as long as their runs go on, also those that outlive the deployment they began on. */
export interface LeaseKeeper {
  /** Renews the lease until the run ends, on whatever way, and frees it then. */
  keep(lease: LeaseCharge, run: Run): void
}

/**
 * One timer for all leases of a node, and only while there are some: most runs end before their lease needs renewing.
 * A gateway that dies renews nothing any more, so its slots come free after `ttlMs`.
 */
export function createLeaseKeeper(scope: Pick<Scope, 'state' | 'clock' | 'onRetire'>, ttlMs: number): LeaseKeeper {
  const held = new Map<LeaseCharge, number>()
  const everyMs = Math.max(1, Math.floor(ttlMs / 3))
  let stop: (() => void) | undefined
  let retired = false

  function renew(): void {
    stop = undefined
    const now = scope.clock.elapsed()
    for (const [lease, since] of held) {
      if (now - since < everyMs) continue
      held.set(lease, now)
      void scope.state.charge([lease], 'open')
    }
    watch()
  }

  function watch(): void {
    if (held.size > 0) stop ??= scope.clock.setTimer(renew, everyMs)
  }

  /** Leaves no timer behind where nothing is held any more. */
  function settle(): void {
    if (held.size === 0) stop?.()
  }

  scope.onRetire(() => {
    retired = true
    settle()
  })
  return {
    keep(lease, run) {
      if (!run.onEnd) return
      held.set(lease, scope.clock.elapsed())
      watch()
      run.onEnd(() => {
        if (!held.delete(lease)) return
        void scope.state.release([lease])
        if (retired) settle()
      })
    },
  }
}
