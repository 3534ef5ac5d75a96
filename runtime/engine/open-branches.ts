import type { Branches, BranchOptions } from '../core/branches.ts'
import { fault } from '../core/fault.ts'
import type { Message } from '../core/message.ts'
import type { LinkedNode } from '../core/pipeline.ts'
import type { Run } from '../core/run.ts'
import { BranchRun, runOf } from './branch-run.ts'
import { walkAlong } from './walk.ts'

/** Branches inside each other: each may walk on the stack of the one around it. */
const deepest = 20

/** Branches behind a node, for the message that its step was given now. */
export function openBranches(run: Run, node: LinkedNode): Branches {
  const root = runOf(run)
  const around = root.trail

  function begin(targets: readonly LinkedNode[], message: Message, options: BranchOptions): BranchRun {
    const branch = new BranchRun(run, node, around, options)
    if (branch.depth > deepest) throw fault('flow.nested', { limit: deepest })
    root.open()
    if (!root.ended && !branch.cancelled) walkAlong(root, branch.trail, targets, message)
    root.close()
    return branch
  }

  return {
    open: (port, message, options) => begin(node.wires[node.ports.indexOf(port)] ?? [], message, options),
    call(target, message, options) {
      const found = root.home.linkIn(target, node.flow)
      if (!found) throw fault('flow.target_missing', { target })
      return begin([found], message, options)
    },
  }
}
