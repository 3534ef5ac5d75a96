import { fault } from '../../runtime/core/fault.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import { defineNode } from '../../runtime/core/node.ts'

/** Where a branch of a structured node ends: what comes here goes back to that node. */
export const end = defineNode<object, never>({
  type: 'end',
  category: 'route',
  label: { en: 'end', 'zh-TW': '結束' },
  summary: { en: 'Ends a branch: the message goes back to the parallel, for each, while, try or sub-flow node around it.', 'zh-TW': '結束分支：訊息回到外層的 parallel、for each、while、try 或 sub-flow 節點。' },
  icon: 'fa-level-up',
  color: '#C7E0D4',
  outputs: [],
  leaks: nothing,
  ends: true,
  faults: ['branch.outside'],
  config: { type: 'object', properties: {} },
  compile: () =>
    function end(message, run) {
      if (!run.endBranch) throw fault('branch.outside')
      run.endBranch(message)
      return undefined
    },
})
