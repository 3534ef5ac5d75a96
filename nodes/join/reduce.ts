import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Scope } from '../../runtime/core/node.ts'
import type { Step } from '../../runtime/core/step.ts'
import { compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { type JoinConfig, partsLimit } from './config.ts'

interface Parts {
  readonly id?: unknown
  readonly index?: number
  readonly count?: number
  readonly parts?: unknown
}

interface Pending {
  readonly byId: Map<unknown, { count: number | undefined; messages: Message[] }>
  held: number
}

/**
 * Reduces each sequence of one run to one value: the expression sees the message, `$A` what has been
 * reduced so far, `$I` the index and `$N` the length. Messages without `parts` pass.
 */
export async function reduceStep(config: JoinConfig, scope: Scope): Promise<Step<'out'>> {
  const host = { owner: scope.node.owner, id: scope.node.id, env: (name: string) => scope.env(name), contexts: scope.contexts }
  const reduce = await scope.sandbox.jsonataOf(config.reduceExp, host)
  const fixup = config.reduceFixup === '' ? undefined : await scope.sandbox.jsonataOf(config.reduceFixup, host)
  const init = await compileTypedValue(config.reduceInit, config.reduceInitType, scope)

  return (message, run) => {
    const parts = typeof message.parts === 'object' && message.parts !== null ? (message.parts as Parts) : undefined
    if (parts === undefined) return { out: message }
    const pending = run.state<Pending>(scope.node, () => ({ byId: new Map(), held: 0 }))
    if (pending.held >= partsLimit) throw fault('flow.sequence_too_large', { limit: partsLimit })
    const group = pending.byId.get(parts.id) ?? { count: undefined, messages: [] }
    pending.byId.set(parts.id, group)
    group.count ??= parts.count
    group.messages.push(message)
    pending.held += 1
    if (group.messages.length !== group.count) return undefined
    // Taken out before anything is awaited: what comes later begins a sequence of its own.
    pending.byId.delete(parts.id)
    pending.held -= group.messages.length
    return reduceAll(group.messages, group.count)

    async function reduceAll(messages: Message[], count: number): Promise<{ out: Message }> {
      const flag = config.reduceRight ? -1 : 1
      messages.sort((a, b) => flag * ((a.parts as Parts).index ?? 0) - flag * ((b.parts as Parts).index ?? 0))
      let accumulated = await init.evaluate({}, run)
      for (const each of messages) accumulated = await reduce(each, run, { A: accumulated, I: (each.parts as Parts).index, N: count })
      if (fixup) accumulated = await fixup({}, run, { A: accumulated, N: count })
      return { out: { ...(messages.at(-1) as Message), payload: accumulated } }
    }
  }
}
