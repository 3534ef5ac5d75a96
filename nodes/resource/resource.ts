import { defaultAgeingShare } from '../../runtime/core/lines/lines.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { priorities } from '../../runtime/core/lines/priority.ts'

export interface ResourceConfig {
  readonly name: string
  readonly slots: number
  readonly ratePerSecond: number
  readonly burst: number
  readonly order: 'strict' | 'weighted' | 'deadline'
  readonly ageing: number
  readonly weights: readonly number[]
  readonly reserve: readonly number[]
  readonly maxDepth: number
  readonly scope: 'gateway' | 'cluster'
  readonly whenAway: 'share' | 'refuse'
}

const perClass = 'By priority, 0 first.'

/** Something that takes only so much at once, and how those who wait for it take turns. Priority queue nodes name it. */
export const resource = defineNode<ResourceConfig, never>({
  type: 'resource',
  category: 'protect',
  label: { en: 'resource', 'zh-TW': '資源' },
  summary: { en: 'A backend that takes only so much at once, and how those who wait take turns.', 'zh-TW': '同時只能處理有限工作的後端，以及等候者輪流的方式。' },
  configNode: true,
  inputs: 0,
  outputs: [],
  config: {
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 1, maxLength: 100, title: 'Name', description: 'As it is listed for operators.' },
      slots: { type: 'integer', minimum: 0, maximum: 100_000, default: 20, title: 'Slots', description: 'Most that are under way at once. 0: only the rate counts.' },
      ratePerSecond: { type: 'number', minimum: 0, maximum: 1_000_000, default: 0, title: 'Starts per second', description: '0: as slots allow.' },
      burst: { type: 'integer', minimum: 1, maximum: 100_000, default: 1, title: 'Burst', description: 'Starts that may come together after a rest, with a rate.' },
      order: {
        enum: ['strict', 'weighted', 'deadline'], default: 'strict', title: 'Order',
        description: 'strict: the most important first, with a share for whoever waits longest. weighted: each priority gets turns by its weight. deadline: whose time ends first.',
      },
      ageing: { type: 'number', minimum: 0, maximum: 0.5, default: defaultAgeingShare, title: 'Share for the longest-waiting', description: 'Of the starts, 0 to 0.5; in strict order. 0: the less important may wait for ever.' },
      weights: { type: 'array', items: { type: 'number', exclusiveMinimum: 0 }, maxItems: priorities, default: [], 'x-form': 'list', title: 'Weights', description: `${perClass} Empty: 10 for priority 0 down to 1 for priority 9.` },
      reserve: { type: 'array', items: { type: 'integer', minimum: 0 }, maxItems: priorities, default: [], 'x-form': 'list', title: 'Reserved slots', description: `${perClass} Slots that no other priority takes. Empty: none.` },
      maxDepth: { type: 'integer', minimum: 0, maximum: 1_000_000, default: 10_000, title: 'Longest line', description: 'When it is full, somebody more important takes the place of the least important.' },
      scope: { enum: ['gateway', 'cluster'], default: 'gateway', title: 'Shared by', description: 'gateway: each process has its own slots. cluster: all gateways that share a Redis have them together.' },
      whenAway: {
        enum: ['share', 'refuse'], default: 'share', title: 'While Redis is away', 'x-form': { when: { scope: ['cluster'] } },
        description: 'share: each gateway goes on with its part of the slots. refuse: nobody has a turn, and callers hear 503.',
      },
    },
    required: ['name'],
  },
  check({ slots, ratePerSecond, reserve, weights, order }) {
    const problems: NodeProblem[] = []
    if (slots === 0 && ratePerSecond === 0) {
      problems.push({ code: 'resource.unlimited', property: 'slots', message: 'The resource has neither slots nor a rate, so nobody would ever wait for it.', remedy: 'Enter how many may be under way at once, or how many may start per second.' })
    }
    const kept = reserve.reduce((sum, count) => sum + count, 0)
    if (slots > 0 && kept > slots) {
      problems.push({ code: 'resource.reserve', property: 'reserve', message: `${kept} slots are reserved, but there are only ${slots}.`, remedy: 'Reserve fewer slots, or have more.' })
    }
    if (slots > 0 && kept === slots && reserve.filter((count) => count > 0).length < priorities) {
      problems.push({ severity: 'warning', code: 'resource.reserve', property: 'reserve', message: 'All slots are reserved: the other priorities never have a turn.', remedy: 'Leave some slots for everybody.' })
    }
    for (const [property, list] of [['weights', weights], ['reserve', reserve]] as const) {
      if (list.length > 0 && list.length < priorities) {
        problems.push({ severity: 'warning', code: 'resource.classes', property, message: `Only ${list.length} of ten priorities are named; the others get ${property === 'weights' ? 'a weight of 1' : 'none'}.`, remedy: 'Enter ten numbers, for priorities 0 to 9.' })
      }
    }
    if (weights.length > 0 && order !== 'weighted') {
      problems.push({ severity: 'warning', code: 'resource.weights', property: 'weights', message: 'Weights count only in weighted order.', remedy: 'Choose the order “weighted”, or leave the weights out.' })
    }
    return problems
  },
})
