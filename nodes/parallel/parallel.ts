import { fault, type Fault } from '../../runtime/core/fault.ts'
import { unionOf } from '../../runtime/core/labels/label-map.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { SentTo } from '../../runtime/core/step.ts'
import { checkTypedValue, compileTypedValue, type TypedValue } from '../../runtime/core/values/typed-value.ts'
import { type Warning, degrade, withWarnings } from '../shared/degraded.ts'
import { type JoinRule, type Part, type PartState, gather } from './gathering.ts'
import { createLastGood } from './last-good.ts'

const valueTypes = ['json', 'str', 'num', 'bool', 'msg', 'jsonata', 'env'] as const

export interface ParallelBranch {
  readonly name: string
  readonly ifFails: 'fail' | 'default' | 'last good'
  readonly value: string
  readonly valueType: (typeof valueTypes)[number]
  readonly timeoutMs: number
  readonly unread: boolean
}

export interface ParallelConfig {
  readonly branches: readonly ParallelBranch[]
  readonly join: JoinRule['join']
  readonly needed: number
  readonly deadlineMs: number
  readonly late: 'cancel' | 'ignore'
  readonly lastGoodKey: string
  readonly lastGoodKeyType: 'msg' | 'jsonata' | 'str'
  readonly lastGoodShared: boolean
  readonly lastGoodSeconds: number
}

/** Port behind which the flow goes on with what the branches gave. */
const donePort = 'done'

const when = { 'branches.ifFails': ['last good'] }

/** Does several things at once and goes on with all of their results. */
export const parallel = defineNode<ParallelConfig>({
  type: 'parallel',
  category: 'route',
  label: { en: 'parallel', 'zh-TW': '平行' },
  summary: { en: 'Does several things at once and goes on when enough of them are done.', 'zh-TW': '同時進行多個分支，足夠的分支完成後繼續。' },
  icon: 'fa-code-fork',
  color: '#C7E0D4',
  outputs: ({ branches }) => [...branches.map(({ name }) => name), donePort],
  opens: ({ branches }) => branches.map(({ name }) => ({ port: name, mustReturn: true })),
  labels({ branches, join }, input, { returned }) {
    const results = branches.map(({ name, value, valueType }) => ({ name, result: returned(name).at(['payload']).and(labelsOfValue(value, valueType, input)) }))
    const payload = join === 'any' ? unionOf(results.map(({ result }) => result)) : unionOf(results.map(({ name, result }) => result.under([name])))
    return { ...Object.fromEntries(branches.map(({ name }) => [name, input])), done: input.put(['payload'], payload) }
  },
  // The last good result of a branch is kept for the calls that come after.
  leaks: ({ branches }, _input, { returned }) => branches.flatMap(({ name, ifFails }) => (ifFails === 'last good' ? [{ to: 'store' as const, what: `the last good result of ${name}`, property: 'branches', labels: returned(name).at(['payload']) }] : [])),
  faults: ['branch.timeout', 'branch.no_result', 'parallel.too_few', 'flow.nested', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      branches: {
        type: 'array',
        default: [
          { name: 'a', ifFails: 'fail', value: 'null', valueType: 'json', timeoutMs: 0, unread: false },
          { name: 'b', ifFails: 'fail', value: 'null', valueType: 'json', timeoutMs: 0, unread: false },
        ],
        maxItems: 32,
        title: 'Branches',
        description: 'One output each. What reaches an end node becomes payload.NAME behind “done”.',
        'x-form': { 'zh-TW': { title: '分支', description: '每個分支一個輸出。抵達 end 節點的訊息，其 payload 成為「done」之後的 payload.名稱。' } },
        items: {
          type: 'object',
          properties: {
            name: { type: 'string', default: '', title: 'Name', 'x-form': { 'zh-TW': { title: '名稱' } } },
            ifFails: {
              enum: ['fail', 'default', 'last good'], default: 'fail', title: 'If it fails',
              'x-form': { 'zh-TW': { title: '失敗時', choices: { fail: '整體失敗（必要）', default: '用預設值', 'last good': '用上次成功的值' } } },
            },
            value: { type: 'string', default: 'null', title: 'Default', 'x-form': { when: { ifFails: ['default', 'last good'] }, 'zh-TW': { title: '預設值' } } },
            valueType: { enum: valueTypes, default: 'json' },
            timeoutMs: { type: 'integer', minimum: 0, default: 0, title: 'Timeout (ms)', 'x-form': { 'zh-TW': { title: '逾時（毫秒）' } } },
            unread: { type: 'boolean', default: false, title: 'Unread', 'x-form': { 'zh-TW': { title: '不解析本文' } } },
          },
          required: ['name'],
        },
      },
      join: {
        enum: ['all', 'any', 'quorum'], default: 'all', title: 'Go on with', description: 'all: every required branch; any: the first result; quorum: as many results as said.',
        'x-form': { 'zh-TW': { title: '何時繼續', description: '全部：所有必要分支完成；任一：第一個結果；法定數：達到指定數量。', choices: { all: '全部', any: '任一', quorum: '法定數' } } },
      },
      needed: { type: 'integer', minimum: 1, default: 2, title: 'Results needed', 'x-form': { when: { join: ['quorum'] }, 'zh-TW': { title: '所需結果數' } } },
      deadlineMs: {
        type: 'integer', minimum: 0, default: 0, title: 'Deadline (ms)', description: 'After this time it goes on with what is there. 0: as long as the run has.',
        'x-form': { 'zh-TW': { title: '期限（毫秒）', description: '到期時以已有的結果繼續。0：直到執行期限。' } },
      },
      late: {
        enum: ['cancel', 'ignore'], default: 'cancel', title: 'Late branches', description: 'cancel: their callouts are aborted; ignore: they run to their end and nobody looks.',
        'x-form': { 'zh-TW': { title: '遲到的分支', description: '取消：中止其呼叫；忽略：執行完但不採用。', choices: { cancel: '取消', ignore: '忽略' } } },
      },
      lastGoodKey: {
        type: 'string', default: '', title: 'Last good by', description: 'What a last good value depends on. Empty: method, URL and payload, and so the whole request.',
        'x-form': { when, 'zh-TW': { title: '上次成功的依據', description: '上次成功的值依據什麼。留空：方法、網址與 payload。' } },
      },
      lastGoodKeyType: { enum: ['msg', 'jsonata', 'str'], default: 'msg' },
      lastGoodShared: {
        type: 'boolean', default: false, title: 'Same for all callers', description: 'Off: a caller gets last good values of its own calls only.',
        'x-form': { when, 'zh-TW': { title: '所有呼叫者共用', description: '關閉時，呼叫者只會得到自己呼叫的上次成功值。' } },
      },
      lastGoodSeconds: { type: 'integer', minimum: 1, default: 3600, title: 'Last good for (s)', 'x-form': { when, 'zh-TW': { title: '上次成功的保存（秒）' } } },
    },
    'x-ports': { rows: 'branches', name: 'name', behind: [donePort] },
  },
  check({ branches, join, needed, lastGoodKey, lastGoodKeyType }) {
    const problems: (NodeProblem | undefined)[] = []
    if (branches.length === 0) problems.push({ code: 'parallel.no_branch', property: 'branches', message: 'The parallel node has no branch.', remedy: 'Add a branch for each thing to do at once.' })
    const names = new Set<string>()
    for (const { name, value, valueType } of branches) {
      if (name.trim() === '' || name === donePort || name === '__proto__' || name.length > 60) problems.push({ code: 'parallel.name', property: 'branches', message: `“${name}” is not a name for a branch.`, remedy: 'Give it a short name of its own; “done” is taken.' })
      if (names.has(name)) problems.push({ code: 'parallel.same_name', property: 'branches', message: `Two branches are called “${name}”.`, remedy: 'Give each branch a name of its own: its result goes by it.' })
      names.add(name)
      problems.push(checkTypedValue(value, valueType, 'branches'))
    }
    if (join === 'quorum' && needed > branches.length) problems.push({ code: 'parallel.quorum', property: 'needed', message: `${needed} results are needed of ${branches.length} branches.`, remedy: 'Lower the number, or add branches.' })
    if (lastGoodKey !== '') problems.push(checkTypedValue(lastGoodKey, lastGoodKeyType, 'lastGoodKey'))
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const done = config.branches.length
    const rule: JoinRule = { join: config.join, needed: config.needed, deadlineMs: config.deadlineMs, cancelLate: config.late === 'cancel' }
    const parts: readonly Part[] = config.branches.map(({ name, ifFails, timeoutMs, unread }) => ({ name, required: ifFails === 'fail', timeoutMs, unread }))
    const defaults: readonly TypedValue[] = await Promise.all(config.branches.map(({ value, valueType }) => compileTypedValue(value, valueType, scope)))
    const lastGood = config.branches.some(({ ifFails }) => ifFails === 'last good') ? await createLastGood(config, scope) : undefined

    return function parallel(message, run) {
      const branches = scope.branches?.(run)
      if (!branches) throw fault('step.config', { message: 'Branches cannot be opened here.' })
      return new Promise((resolve, reject) => {
        gather({ parts, rule, branches, clock: scope.clock }, message, run, (outcome) => {
          if (outcome === undefined) return resolve(undefined)
          if (!isStates(outcome)) return reject(outcome)
          if (run.replied && outcome.every(({ kind }) => kind === 'gone' || kind === 'failed')) return resolve(undefined)
          try {
            const sent = config.join === 'any' ? goOnWithFirst(outcome) : goOn(outcome)
            if (sent instanceof Promise) sent.then(resolve, reject)
            else resolve(sent)
          } catch (thrown) {
            reject(thrown as Error)
          }
        })

        function goOnWithFirst(states: readonly PartState[]): SentTo {
          const at = states.findIndex(({ kind }) => kind === 'ok')
          const first = states[at] as Extract<PartState, { kind: 'ok' }>
          return new SentTo(done, { ...message, payload: first.value, branch: (parts[at] as Part).name })
        }

        function goOn(states: readonly PartState[]): SentTo | Promise<SentTo> {
          const key = lastGood?.keyOf(message, run)
          if (key instanceof Promise) return key.then((known) => fill(states, known))
          return fill(states, key)
        }

        function fill(states: readonly PartState[], key: string | undefined): SentTo | Promise<SentTo> {
          const values: unknown[] = []
          const warnings: Warning[] = []
          let later = false
          for (const [at, state] of states.entries()) {
            const { name, required } = parts[at] as Part
            if (state.kind === 'ok') {
              values[at] = key !== undefined && config.branches[at]?.ifFails === 'last good' ? lastGood?.keep(key, name, state.value) : state.value
              continue
            }
            if (state.kind === 'gone' || required) continue
            // Branches that were not needed have not failed: a quorum goes on without them.
            if (state.kind === 'open') {
              values[at] = (defaults[at] as TypedValue).evaluate(message, run)
            } else {
              const before = key === undefined ? undefined : lastGood?.get(key, name)
              const usesBefore = config.branches[at]?.ifFails === 'last good' && before !== undefined
              values[at] = usesBefore ? before.value : (defaults[at] as TypedValue).evaluate(message, run)
              warnings.push(degrade(run, name, state.fault, usesBefore ? 'last good' : 'default'))
            }
            later ||= values[at] instanceof Promise
          }
          if (later) return Promise.all(values).then((all) => send(states, all, warnings))
          return send(states, values, warnings)
        }

        function send(states: readonly PartState[], values: readonly unknown[], warnings: readonly Warning[]): SentTo {
          const payload: Record<string, unknown> = {}
          const branches: Record<string, unknown> = {}
          for (const [at, state] of states.entries()) {
            const { name, required } = parts[at] as Part
            if (state.kind === 'ok' || (!required && state.kind !== 'gone')) payload[name] = values[at]
            branches[name] = toReport(state)
          }
          return new SentTo(done, withWarnings({ ...message, payload, branches }, warnings))
        }
      })
    }
  },
})

function isStates(outcome: readonly PartState[] | Fault): outcome is readonly PartState[] {
  return Array.isArray(outcome)
}

/** How a branch went, for the flow to look at. */
function toReport(state: PartState): Readonly<Record<string, unknown>> {
  if (state.kind === 'ok') return { ok: true, ...(state.message.statusCode === undefined ? {} : { statusCode: state.message.statusCode }) }
  if (state.kind !== 'failed') return { ok: false }
  const { code, status, title } = state.fault
  return { ok: false, error: { code, status, title } }
}

