import { resolve as read } from '../../runtime/core/http/body.ts'
import { fault } from '../../runtime/core/fault.ts'
import { unionOf } from '../../runtime/core/labels/label-map.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import { putAt } from '../../runtime/core/labels/names.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { parseMessagePath, setProperty } from '../../runtime/core/values/property.ts'
import { SentTo } from '../../runtime/core/step.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'
import type { Branch } from '../../runtime/core/branches.ts'

const valueTypes = ['msg', 'jsonata', 'str', 'num', 'bool', 'json', 'env'] as const

export interface SubFlowConfig {
  readonly flow: string
  readonly revision: string
  readonly inputsFrom: 'table' | 'payload'
  readonly parameters: readonly { readonly name: string; readonly value: string; readonly valueType: (typeof valueTypes)[number] }[]
  readonly target: string
  readonly timeoutMs: number
}

/** Calls a flow that declares what it takes and gives back; it sees its inputs and nothing else of the message. */
export const subFlow = defineNode<SubFlowConfig, 'out'>({
  type: 'sub-flow',
  category: 'link',
  label: { en: 'sub-flow', 'zh-TW': '子流程' },
  summary: { en: 'Calls a flow that declares its inputs and outputs, maybe pinned to a revision.', 'zh-TW': '呼叫已宣告輸入與輸出的流程，並可固定其版次。' },
  icon: 'fa-external-link',
  outputs: ['out'],
  leaks: nothing,
  labels({ parameters, inputsFrom, target }, input, { returned }) {
    const payload = inputsFrom === 'payload' ? input.at(['payload']) : unionOf(parameters.map(({ name, value, valueType }) => labelsOfValue(value, valueType, input).under([name.trim()])))
    const back = returned('call').at(['payload'])
    return { call: payload.under(['payload']), out: putAt(input, target, back) }
  },
  faults: ['subflow.input', 'subflow.output', 'flow.target_missing', 'flow.nested', 'branch.no_result', 'branch.timeout'],
  config: {
    type: 'object',
    properties: {
      flow: { type: 'string', default: '', title: 'Flow', description: 'A sub-flow in node, on any tab.', 'x-node': 'sub-flow in', 'x-form': { 'zh-TW': { title: '流程', description: '任一分頁上的 sub-flow in 節點。' } } },
      revision: { type: 'string', default: '', maxLength: 64, title: 'Revision', description: 'Beginning of the revision that it calls, also while a later one is deployed. Empty: whichever is deployed.', 'x-form': { 'zh-TW': { title: '版次', description: '所呼叫的版次（開頭即可），即使已部署較新者。留空：使用已部署者。' } } },
      inputsFrom: {
        enum: ['table', 'payload'], default: 'table', title: 'Inputs from', description: 'table: the rows below; payload: the payload as it is.',
        'x-form': { 'zh-TW': { title: '輸入來源', description: '表格：下列各列；payload：原樣使用。', choices: { table: '表格', payload: 'payload' } } },
      },
      parameters: {
        type: 'array', default: [], title: 'Inputs', description: 'Becomes msg.payload of the flow. A value that is missing leaves its row out.',
        'x-form': { when: { inputsFrom: ['table'] }, 'zh-TW': { title: '輸入', description: '成為該流程的 msg.payload。值不存在的列不送出。' } },
        items: {
          type: 'object',
          properties: {
            name: { type: 'string', default: '', title: 'Name', 'x-form': { 'zh-TW': { title: '名稱' } } },
            value: { type: 'string', default: 'payload', title: 'Value', 'x-form': { 'zh-TW': { title: '值' } } },
            valueType: { enum: valueTypes, default: 'msg' },
          },
          required: ['name'],
        },
      },
      target: { type: 'string', default: 'payload', title: 'Into', description: 'Property that gets what the flow gives back; the rest of the message stays.', 'x-form': { 'zh-TW': { title: '存入', description: '存放流程結果的屬性；訊息其餘部分不變。' } } },
      timeoutMs: { type: 'integer', minimum: 0, default: 0, title: 'Timeout (ms)', description: '0: as long as the run has.', 'x-form': { 'zh-TW': { title: '逾時（毫秒）', description: '0：直到執行期限。' } } },
    },
  },
  // The stock editor takes `inputs` for the number of ports, and loses what else stands there.
  migrate: ({ inputs, ...config }) => (Array.isArray(inputs) && config['parameters'] === undefined ? { ...config, parameters: inputs } : config),
  check({ flow, parameters, inputsFrom, target }) {
    const problems: (NodeProblem | undefined)[] = [checkTypedValue(target, 'msg', 'target')]
    if (flow === '') problems.push({ code: 'subflow_call.none', property: 'flow', message: 'The sub-flow node calls nothing.', remedy: 'Choose a sub-flow in node.' })
    for (const { name, value, valueType } of inputsFrom === 'table' ? parameters : []) {
      if (name.trim() === '' || name === '__proto__') problems.push({ code: 'subflow_call.input_name', property: 'parameters', message: 'An input of the sub-flow node has no name.', remedy: 'Name it as the flow declares it, or remove the row.' })
      problems.push(checkTypedValue(value, valueType, 'parameters'))
    }
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const target = parseMessagePath(config.target)
    const inputs = config.inputsFrom === 'payload' ? undefined : await Promise.all(config.parameters.map(async ({ name, value, valueType }) => ({ name: name.trim(), input: await compileTypedValue(value, valueType, scope) })))
    const part = scope.node.name ?? scope.node.type

    return function subFlow(message, run) {
      const opened = scope.branches?.(run)
      if (!opened) throw fault('step.config', { message: 'Branches cannot be opened here.' })
      const branches = opened

      function call(payload: unknown): Promise<SentTo | undefined> {
        return new Promise((resolve, reject) => {
          let over = false
          let cancelTimer = () => {}
          let stopListening = () => {}
          const settle = (act: () => void) => {
            if (over) return
            over = true
            cancelTimer()
            stopListening()
            act()
          }
          stopListening = whenAborted(run, () => settle(() => resolve(undefined)))
          let branch: Branch | undefined
          if (config.timeoutMs > 0) {
            cancelTimer = scope.clock.setTimer(() => settle(() => {
              const late = fault('branch.timeout', { branch: part, afterMs: config.timeoutMs })
              branch?.cancel(late)
              reject(late)
            }), config.timeoutMs)
          }
          const inside: Message = { payload, ...(message._msgid === undefined ? {} : { _msgid: message._msgid }) }
          try {
            branch = branches.call(config.flow, inside, {
              ...(config.timeoutMs > 0 ? { deadline: scope.clock.now() + config.timeoutMs } : {}),
              returned: (back) => settle(() => receive(back, resolve, reject)),
              failed: (caught) => settle(() => reject(caught)),
              ended: () => settle(() => (run.replied ? resolve(undefined) : reject(fault('branch.no_result', { branch: part })))),
            })
          } catch (thrown) {
            settle(() => reject(thrown as Error))
          }
        })
      }

      function receive(back: Message, goOn: (sent: SentTo) => void, fail: (thrown: unknown) => void): void {
        try {
          const out = setProperty(message, target, read(back.payload) ?? null)
          if (out === undefined) throw fault('step.config', { message: `“${config.target}” cannot be set in this message.` })
          goOn(new SentTo(0, out))
        } catch (thrown) {
          fail(thrown)
        }
      }

      if (!inputs) return call(message.payload)
      const values = inputs.map(({ input }) => input.evaluate(message, run))
      const toPayload = (known: readonly unknown[]) => Object.fromEntries(inputs.map(({ name }, at) => [name, known[at]]).filter(([, value]) => value !== undefined))
      return values.some((value) => value instanceof Promise) ? Promise.all(values).then((known) => call(toPayload(known))) : call(toPayload(values))
    }
  },
})
