import { customFault, fault } from '../../runtime/core/fault.ts'
import { Body } from '../../runtime/core/http/body.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import { defineNode, type NodeProblem, type Scope } from '../../runtime/core/node.ts'
import { checkTypedValue, compileTypedValue, type TypedValue } from '../../runtime/core/values/typed-value.ts'

const valueTypes = ['msg', 'str', 'num', 'bool', 'json', 'jsonata', 'env'] as const

export interface RaiseFaultConfig {
  readonly code: string
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly detailType: 'str' | 'msg' | 'jsonata'
  readonly facts: readonly { readonly name: string; readonly value: string; readonly valueType: (typeof valueTypes)[number] }[]
}

/** Longest text that a caller is told. */
const longestDetail = 2000

/** Ends the way of a message with a fault of the flow's own. */
export const raiseFault = defineNode<RaiseFaultConfig, never>({
  type: 'raise fault',
  category: 'fault',
  label: { en: 'raise fault', 'zh-TW': '發出錯誤' },
  summary: { en: 'Ends the way of a message with a fault: to the try or parallel node around it, a Catch node, or the caller.', 'zh-TW': '以錯誤結束訊息的路徑：交給外層的 try 或 parallel 節點、Catch 節點，或呼叫端。' },
  icon: 'fa-exclamation-triangle',
  outputs: [],
  leaks: ({ detail, detailType, facts }, input) => [
    { to: 'answer', what: 'the detail', property: 'detail', labels: labelsOfValue(detail, detailType, input, { templates: true }) },
    ...facts.map(({ name, value, valueType }) => ({ to: 'answer' as const, what: `the fact ${name}`, property: 'facts', labels: labelsOfValue(value, valueType, input) })),
  ],
  // Uncaught, it is the answer.
  replies: true,
  faults: ['step.config', 'expression.error', 'template.error'],
  config: {
    type: 'object',
    properties: {
      code: { type: 'string', default: 'custom.failed', maxLength: 100, title: 'Code', description: 'What programs tell it by, for ever: custom.out_of_stock.', 'x-form': { 'zh-TW': { title: '代碼', description: '程式辨識錯誤的依據，不應再變更：custom.out_of_stock。' } } },
      status: { type: 'integer', minimum: 400, maximum: 599, default: 400, title: 'Status', 'x-form': { 'zh-TW': { title: '狀態碼' } } },
      title: { type: 'string', default: 'Not possible', maxLength: 200, title: 'Title', description: 'The same each time, for people.', 'x-form': { 'zh-TW': { title: '標題', description: '給人看的固定說明。' } } },
      detail: { type: 'string', default: '', title: 'Detail', description: 'What happened this time. Text may hold {{payload.x}}. Shown to the caller below status 500, else only in the log.', 'x-form': { 'zh-TW': { title: '詳細說明', description: '這次發生的事。文字可含 {{payload.x}}。狀態碼低於 500 時顯示給呼叫端，否則只寫入日誌。' } } },
      detailType: { enum: ['str', 'msg', 'jsonata'], default: 'str' },
      facts: {
        type: 'array', default: [], title: 'Facts', description: 'Values for programs: members of the answer below status 500, and msg.error.facts for Catch nodes. Never a secret.',
        'x-form': { 'zh-TW': { title: '事實', description: '給程式的值：狀態碼低於 500 時為回應的成員，Catch 節點可由 msg.error.facts 取得。不可放秘密。' } },
        items: {
          type: 'object',
          properties: {
            name: { type: 'string', default: '', title: 'Name', 'x-form': { 'zh-TW': { title: '名稱' } } },
            value: { type: 'string', default: '', title: 'Value', 'x-form': { 'zh-TW': { title: '值' } } },
            valueType: { enum: valueTypes, default: 'msg' },
          },
          required: ['name'],
        },
      },
    },
  },
  check({ code, title, detail, detailType, facts }) {
    const problems: (NodeProblem | undefined)[] = [checkTypedValue(detail, detailType, 'detail')]
    if (!/^custom(\.[a-z0-9_]+)+$/.test(code)) problems.push({ code: 'fault.code', property: 'code', message: `“${code}” is no code of a flow's own.`, remedy: 'Write custom. and a name of small letters, digits and _: custom.out_of_stock.' })
    if (title.trim() === '') problems.push({ code: 'fault.title', property: 'title', message: 'The fault has no title.', remedy: 'Say in a few words what is wrong, the same each time.' })
    for (const { name, value, valueType } of facts) {
      if (!/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name) || reserved.has(name)) problems.push({ code: 'fault.fact', property: 'facts', message: `“${name}” cannot be the name of a fact.`, remedy: 'Use letters, digits and _; type, title, status, detail, code, instance, run and decision are taken.' })
      problems.push(checkTypedValue(value, valueType, 'facts'))
    }
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const detail = await compileDetail(config, scope)
    const facts = await Promise.all(config.facts.map(async ({ name, value, valueType }) => ({ name, input: await compileTypedValue(value, valueType, scope) })))

    function raise(text: unknown, values: readonly unknown[]): never {
      const said = typeof text === 'string' ? text : text === undefined || text === null ? '' : JSON.stringify(text)
      const known = Object.fromEntries(facts.map(({ name }, at) => [name, values[at]]).filter(([, value]) => value !== undefined))
      throw customFault(config.code, config.status, config.title, said === '' ? `${config.title}.` : said.slice(0, longestDetail), known)
    }

    return function raiseFault(message, run) {
      const text = detail.evaluate(message, run)
      const values = facts.map(({ input }) => input.evaluate(message, run))
      if (values.some((value) => value instanceof Body)) throw fault('step.config', { message: 'A fact of the fault is a body that was not read.' })
      if (text instanceof Promise || values.some((value) => value instanceof Promise)) return Promise.all([text, ...values]).then(([said, ...all]) => raise(said, all))
      return raise(text, values)
    }
  },
})

/** Members of a problem document (RFC 9457 §3.1), and what ours adds. */
const reserved: ReadonlySet<string> = new Set(['type', 'title', 'status', 'detail', 'code', 'instance', 'run', 'decision'])

/** Text may hold `{{ }}`. */
async function compileDetail({ detail, detailType }: RaiseFaultConfig, scope: Scope): Promise<Pick<TypedValue, 'evaluate'>> {
  if (detailType !== 'str' || !detail.includes('{{')) return compileTypedValue(detail, detailType, scope)
  const host = { owner: scope.node.owner, id: scope.node.id, env: (name: string) => scope.env(name), contexts: scope.contexts }
  return { evaluate: await scope.sandbox.template(detail, host, 'none') }
}
