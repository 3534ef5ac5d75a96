import { Refused, type Lifecycle, type ManagedApi, type Right } from '../contract.ts'

/** Legal moves of an API. DEPRECATED may be published again: a sunset that was called off. */
export const lifecycleMoves: Readonly<Record<Lifecycle, readonly Lifecycle[]>> = {
  CREATED: ['PROTOTYPED', 'PUBLISHED'],
  PROTOTYPED: ['PUBLISHED', 'RETIRED'],
  PUBLISHED: ['BLOCKED', 'DEPRECATED'],
  BLOCKED: ['PUBLISHED', 'DEPRECATED', 'RETIRED'],
  DEPRECATED: ['PUBLISHED', 'BLOCKED', 'RETIRED'],
  RETIRED: [],
}

/** Every state of an API, from its making to its end. */
export const lifecycles = Object.keys(lifecycleMoves) as readonly Lifecycle[]

/** @throws Refused `lifecycle.move` 422 when the move is not legal */
export function checkMove(from: Lifecycle, to: Lifecycle): void {
  const legal = lifecycleMoves[from]
  if (legal.includes(to)) return
  const remedy = legal.length > 0 ? `From ${from} it goes to ${legal.join(' or ')}.` : `${from} is the end; register a new API.`
  throw new Refused('lifecycle.move', 422, `An API does not go from ${from} to ${to}. ${remedy}`, [
    { severity: 'error', code: 'lifecycle.move', pointer: '/to', message: `An API does not go from ${from} to ${to}.`, remedy },
  ])
}

/**
 * The right that a move needs at least. A prototype is its maker's. Blocking is the operator's, and so is putting back what was
 * before; what was deprecated before is not published by way of blocking it.
 */
export function rightOfMove({ lifecycle, deprecatedAt }: Pick<ManagedApi, 'lifecycle' | 'deprecatedAt'>, to: Lifecycle): Right {
  if (to === 'PROTOTYPED') return 'apis.write'
  if (to === 'BLOCKED') return 'apis.block'
  const back = deprecatedAt === undefined ? 'PUBLISHED' : 'DEPRECATED'
  return lifecycle === 'BLOCKED' && to === back ? 'apis.block' : 'apis.publish'
}
