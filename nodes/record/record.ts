import type { MessageClient } from '../../runtime/core/access/clients.ts'
import { fault } from '../../runtime/core/fault.ts'
import { unchanged } from '../../runtime/core/labels/labels.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import { auditLedger, ledgerNamePattern, type LedgerRecord } from '../../runtime/core/state/ledger.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'

export interface RecordConfig {
  readonly ledger: string
  readonly what: 'call' | 'value'
  readonly value: string
  readonly valueType: 'msg' | 'jsonata' | 'json' | 'str'
  readonly purpose: string
  readonly mode: 'wait' | 'soon'
  readonly timeoutMs: number
}

/** Appends to a ledger: a record that cannot be altered. */
export const record = defineNode<RecordConfig, 'out'>({
  type: 'record',
  category: 'protect',
  label: { en: 'record', 'zh-TW': '存證' },
  summary: { en: 'Appends to a ledger whose records cannot be altered without anybody noticing.', 'zh-TW': '寫入帳本；帳本中的紀錄一經更改必被察覺。' },
  icon: 'fa-book',
  outputs: ['out'],
  leaks: ({ what, value, valueType }, input) => [{ to: 'log', what: 'the record', property: 'value', labels: what === 'value' ? labelsOfValue(value, valueType, input) : input.at(['statusCode']).and(input.at(['client', 'id'])) }],
  labels: unchanged,
  faults: ['ledger.unavailable', 'ledger.refused', 'ledger.too_large', 'ledger.value', 'expression.error'],
  config: {
    type: 'object',
    required: ['ledger'],
    properties: {
      ledger: { type: 'string', default: '', maxLength: 64, title: 'Ledger', description: 'Lower case letters, digits and hyphens. It is made with its first record, and belongs to the organisation of this flow.', 'x-form': { 'zh-TW': { title: '帳本', description: '小寫英文字母、數字與連字號。第一筆紀錄寫入時建立，屬於此流程的組織。' } } },
      what: {
        enum: ['call', 'value'], default: 'call', title: 'Record', description: 'The call: method, route, status, client and purpose, and nothing that the caller sent. A value: what you choose.',
        'x-form': { 'zh-TW': { title: '存證內容', description: '「這次呼叫」：方法、路由、狀態、客戶端與目的，不含呼叫者送來的內容。「一個值」：由您選擇。', choices: { call: '這次呼叫', value: '一個值' } } },
      },
      value: { type: 'string', default: 'payload', title: 'Value', description: 'JSON of at most 64 KB. A ledger forgets nothing: record tokens or hashes of personal data, not the data.', 'x-form': { when: { what: ['value'] }, 'zh-TW': { title: '值', description: '至多 64 KB 的 JSON。帳本不會遺忘：個人資料請存代碼或雜湊，勿存資料本身。' } } },
      valueType: { enum: ['msg', 'jsonata', 'json', 'str'], default: 'msg' },
      purpose: { type: 'string', default: '', maxLength: 200, title: 'Purpose', description: 'What the data was used for, as the auditor will read it.', 'x-form': { when: { what: ['call'] }, 'zh-TW': { title: '目的', description: '資料的使用目的，供稽核人員閱讀。' } } },
      mode: {
        enum: ['wait', 'soon'], default: 'wait', title: 'The run goes on', description: 'With its number: once control has the record. Soon: once it lies on this gateway’s disk, from where it is handed over, also when control is away.',
        'x-form': { 'zh-TW': { title: '何時繼續', description: '取得編號後：控制端已收下紀錄。寫入磁碟後：紀錄已在此閘道的磁碟上，再轉交控制端，控制端離線亦可。', choices: { wait: '取得編號後', soon: '寫入磁碟後' } } },
      },
      timeoutMs: { type: 'integer', minimum: 10, maximum: 60_000, default: 5000, title: 'Waits at most', description: 'Milliseconds. Then the fault ledger.unavailable (503).', 'x-form': { when: { mode: ['wait'] }, 'zh-TW': { title: '最長等待', description: '毫秒。逾時則為錯誤 ledger.unavailable（503）。' } } },
    },
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = []
    if (config.ledger === auditLedger) problems.push({ code: 'ledger.audit', property: 'ledger', message: 'The ledger “audit” is the audit log, to which flows do not write.', remedy: 'Choose another name.' })
    else if (!new RegExp(ledgerNamePattern).test(config.ledger)) problems.push({ code: 'ledger.name', property: 'ledger', message: config.ledger === '' ? 'No ledger is named.' : `“${config.ledger}” cannot name a ledger.`, remedy: 'Use up to 64 lower case letters, digits and hyphens, beginning with a letter or digit.' })
    if (config.what === 'value') problems.push(checkTypedValue(config.value, config.valueType, 'value'))
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const { ledger } = scope
    if (!ledger) throw fault('config.invalid', { message: 'This process hands over no records.' })
    const value = config.what === 'value' ? await compileTypedValue(config.value, config.valueType, scope) : undefined
    const { id: node, flow, organisation } = scope.node

    return async function record(message, run) {
      const what: LedgerRecord = {
        ledger: config.ledger,
        value: value ? await value.evaluate(message, run) : toCall(message, run, config.purpose),
        flow, node, run: run.id,
        ...(organisation === undefined ? {} : { organisation }),
      }
      if (config.mode === 'soon') {
        const { id } = await ledger.appendSoon(what)
        return { out: { ...message, record: { ledger: config.ledger, id } } }
      }
      const deadline = Math.min(run.deadline, scope.clock.now() + config.timeoutMs)
      const { number, hash } = await ledger.append(what, { deadline, signal: run.signal })
      return { out: { ...message, record: { ledger: config.ledger, number, hash } } }
    }
  },
})

/** What may be said of a call without saying anything that the caller wrote: the pattern of the route, never the path. */
function toCall(message: Message, run: Run, purpose: string): Readonly<Record<string, unknown>> {
  // Who proved to call lies on the run, which a flow cannot write on; work that was accepted for later has it on its message alone.
  const client = (run.caller ?? (run.job ? message.client : undefined)) as Partial<MessageClient> | undefined
  const status = message.statusCode
  return {
    ...(run.request ? { method: run.request.method, route: run.request.route } : {}),
    ...(typeof status === 'number' || typeof status === 'string' ? { status: Number(status) || String(status) } : {}),
    client: typeof client?.id === 'string' ? client.id : null,
    ...(purpose === '' ? {} : { purpose }),
  }
}
