import type { Method } from '../../runtime/core/entry.ts'
import { methods } from '../../runtime/core/http/methods.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'

export interface GlobalPolicyConfig {
  readonly when: 'before' | 'after'
  /** Smaller first. */
  readonly order: number
  /** Prefixes of routes that it is meant for; none: all. */
  readonly paths: readonly string[]
  readonly methods: readonly Method[]
}

/** Where a flow begins that runs around every API of the tab's organisation. The compiler puts the calls in. */
export const globalPolicy = defineNode<GlobalPolicyConfig, 'out'>({
  type: 'global policy',
  category: 'protect',
  label: { en: 'global policy', 'zh-TW': '全域原則' },
  summary: {
    en: 'Begins a flow that runs before or after every API of the organisation.',
    'zh-TW': '作為流程的起點，在組織的每一個 API 之前或之後執行。',
  },
  icon: 'fa-globe',
  color: '#C0DEED',
  inputs: 0,
  outputs: ['out'],
  faults: ['flow.no_return'],
  config: {
    type: 'object',
    properties: {
      when: {
        enum: ['before', 'after'], default: 'before', title: 'When it runs',
        description: 'Before: between http in and the flow behind it. After: on the way to the node that replies.',
      },
      order: { type: 'integer', minimum: -1000, maximum: 1000, default: 0, title: 'Order', description: 'Of several policies the smaller number runs first; equal ones in the order of the tabs.' },
      paths: {
        type: 'array', items: { type: 'string', pattern: '^/' }, default: [], 'x-form': 'list', title: 'Only routes below',
        description: 'Such as /orders, /partners/:id; as drawn in http in. Empty: all. Before only.',
      },
      methods: { type: 'array', items: { enum: methods }, default: [], 'x-form': 'list', title: 'Only methods', description: 'Such as POST, DELETE. Empty: all. Before only.' },
    },
  },
  migrate({ order, methods: named, ...rest }) {
    const number = typeof order === 'string' && order.trim() !== '' ? Number(order) : order
    return {
      ...rest,
      ...(number === undefined || number === null || number === '' ? {} : { order: number }),
      ...(Array.isArray(named) ? { methods: named.map((one: unknown) => (typeof one === 'string' ? one.trim().toUpperCase() : one)) } : {}),
    }
  },
  check({ when, paths, methods: named }) {
    const problems: NodeProblem[] = []
    const narrowed = paths.length > 0 ? 'paths' : named.length > 0 ? 'methods' : undefined
    if (when === 'after' && narrowed) {
      problems.push({ code: 'policy.filter', property: narrowed, message: 'A policy that runs after the APIs runs for all of them: a node that replies may answer many routes.', remedy: 'Leave the field empty, and use a switch on msg.req.path behind the policy.' })
    }
    return problems
  },
})
