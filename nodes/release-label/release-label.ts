import { checkName, checkPath, nothing } from '../../runtime/core/labels/labels.ts'
import { protect, type ProtectedField } from '../../runtime/core/labels/protect.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'

export interface ReleaseConfig {
  readonly fields: readonly ProtectedField[]
  readonly reason: string
}

const zh = (title: string, description?: string, choices?: Readonly<Record<string, string>>) => ({ 'zh-TW': { title, ...(description ? { description } : {}), ...(choices ? { choices } : {}) } })

/** Takes labels off data that is to leave in clear, with a reason that stays on record. */
export const releaseLabel = defineNode<ReleaseConfig, 'out'>({
  type: 'release label',
  category: 'protect',
  label: { en: 'release label', 'zh-TW': '解除標籤' },
  summary: { en: 'Lets labelled data leave in clear, for a reason that goes into the audit log.', 'zh-TW': '允許帶標籤的資料以明文離開；理由會寫入稽核紀錄。' },
  icon: 'fa-unlock',
  color: '#E49191',
  outputs: ['out'],
  leaks: nothing,
  labels: ({ fields, reason }, input, { node }) => protect(input, fields, { by: 'released', flow: node.flow, node: node.id, reason: reason.trim() }),
  config: {
    type: 'object',
    properties: {
      fields: {
        type: 'array', default: [], maxItems: 100, title: 'What',
        description: 'By label: all data with it, wherever it is. By path: $.person.id of the payload, req.query.id of the message.',
        'x-form': zh('對象', '依標籤：帶有該標籤的所有資料。依路徑：$.person.id 指 payload，req.query.id 指訊息。'),
        items: {
          type: 'object',
          properties: {
            by: { enum: ['label', 'path'], default: 'label', title: 'By', 'x-form': zh('依據', undefined, { path: '路徑', label: '標籤' }) },
            field: { type: 'string', default: '', title: 'Label or path', 'x-form': zh('標籤或路徑') },
          },
          required: ['field'],
        },
      },
      reason: {
        type: 'string', default: '', maxLength: 500, title: 'Reason', description: 'Why this data may leave in clear from here on. It stands in the audit log, in the log of each run and on the page of data flows.',
        'x-form': zh('理由', '此資料自此可以明文離開的原因。會記錄於稽核紀錄、每次執行的日誌與資料流頁面。'),
      },
    },
  },
  check({ fields, reason }) {
    const problems: NodeProblem[] = []
    if (reason.trim().length < 3) problems.push({ code: 'release.reason', property: 'reason', message: 'The release label node gives no reason.', remedy: 'Say why this data may leave in clear, for whoever reads the audit log.' })
    if (fields.length === 0) problems.push({ code: 'release.nothing', property: 'fields', severity: 'warning', message: 'The release label node releases nothing.', remedy: 'Add a row with a data label or a path, or take the node out.' })
    for (const { by, field } of fields) problems.push(...(by === 'label' ? checkName(field.trim(), 'fields') : checkPath(field, 'fields')))
    return problems
  },
  compile({ fields, reason }, scope) {
    const released = fields.map(({ field }) => field.trim())
    return (message, run) => {
      run.log.info({ node: scope.node.id, released, reason }, 'data labels were released')
      return { out: message }
    }
  },
})
