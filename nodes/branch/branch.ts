import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { SentTo } from '../../runtime/core/step.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'
import { isTrue } from '../shared/is-true.ts'

export interface BranchConfig {
  readonly ways: readonly { readonly name: string; readonly condition: string }[]
}

const otherwise = 'else'

/** The way of the first condition that holds, else the last one. */
export const branch = defineNode<BranchConfig>({
  type: 'branch',
  category: 'route',
  label: { en: 'branch', 'zh-TW': '分支判斷' },
  summary: { en: 'Goes the way of the first condition that holds, or the way “else”.', 'zh-TW': '走第一個成立的條件之路徑，皆不成立則走「else」。' },
  icon: 'fa-random',
  color: '#E2D96E',
  chooses: true,
  outputs: ({ ways }) => [...ways.map(({ name }) => name), otherwise],
  labels: unchanged,
  leaks: nothing,
  faults: ['condition.type', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      ways: {
        type: 'array', default: [{ name: 'yes', condition: '' }], maxItems: 50, title: 'Ways', description: 'One output each, tried from top to bottom; the last output is “else”.',
        'x-form': { 'zh-TW': { title: '路徑', description: '每條路徑一個輸出，由上而下判斷；最後一個輸出是「else」。' } },
        items: {
          type: 'object',
          properties: {
            name: { type: 'string', default: '', title: 'Name', 'x-form': { 'zh-TW': { title: '名稱' } } },
            condition: { type: 'string', default: '', title: 'When', 'x-form': { control: 'jsonata', 'zh-TW': { title: '條件' } } },
          },
          required: ['name'],
        },
      },
    },
    'x-ports': { rows: 'ways', name: 'name', behind: [otherwise] },
  },
  check({ ways }) {
    const problems: (NodeProblem | undefined)[] = []
    const names = new Set<string>([otherwise])
    for (const { name, condition } of ways) {
      if (name.trim() === '' || names.has(name)) problems.push({ code: 'branch.name', property: 'ways', message: `“${name}” is not a name for a way of its own.`, remedy: 'Give each way a name; “else” is taken.' })
      names.add(name)
      problems.push(condition.trim() === '' ? { code: 'branch.no_condition', property: 'ways', message: `The way “${name}” has no condition.`, remedy: 'Enter a JSONata expression that gives true or false, such as payload.age >= 18.' } : checkTypedValue(condition, 'jsonata', 'ways'))
    }
    return problems.filter((problem) => problem !== undefined)
  },
  async compile({ ways }, scope) {
    const conditions = await Promise.all(ways.map(({ condition }) => isTrue(condition, scope)))
    return function branch(message, run) {
      /** Goes on where an expression took its time. */
      function from(at: number): SentTo | Promise<SentTo> {
        for (let way = at; way < conditions.length; way += 1) {
          const holds = (conditions[way] as (typeof conditions)[number])(message, run)
          if (holds instanceof Promise) return holds.then((known) => (known ? new SentTo(way, message) : from(way + 1)))
          if (holds) return new SentTo(way, message)
        }
        return new SentTo(conditions.length, message)
      }
      return from(0)
    }
  },
})
