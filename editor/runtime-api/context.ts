import { Refused, type Control } from '../../control/contract.ts'
import type { GatewayCommand } from '../../runtime/core/deployer.ts'
import type { NodeRed } from '../node-red.ts'
import { toEditorError } from './refusal.ts'
import type { ActorOf, Asked } from './who.ts'

interface Options extends Asked {
  readonly scope: 'node' | 'flow' | 'global'
  readonly id?: string
  readonly key?: string
  readonly keysOnly?: boolean
}

/**
 * Node-RED's `runtimeAPI.context`: what the context sidebar reads and deletes. Context lives in the
 * gateways; the first that answers is shown, all are told to delete.
 */
export function createContextApi(control: Control, encode: NodeRed['util']['util']['encodeObject'], actorOf: ActorOf) {
  /** Context of a flow is its organisation's, global context everybody's. @throws as the stock handlers expect */
  async function need(options: Options, act: 'read' | 'delete'): Promise<void> {
    const rights = await control.flows.rights(actorOf(options))
    const global = options.scope === 'global' || options.id === undefined
    const may = act === 'read' ? (global ? rights.readsEverything : rights.mayRead(options.id)) : global ? rights.writesEverything : rights.mayWrite(options.id)
    if (!may) throw toEditorError(new Refused('auth.role', 403, `You may not ${act} this context.`))
  }

  return {
    async getValue(options: Options) {
      await need(options, 'read')
      const value = await ask(control, { do: 'context.get', ...place(options) })
      if (options.keysOnly) return { memory: isRecord(value) ? Object.keys(value) : [] }
      if (options.key) return encoded(encode, value)
      const entries = isRecord(value) ? Object.entries(value) : []
      return { memory: Object.fromEntries(entries.map(([key, one]) => [key, encoded(encode, one)])) }
    },
    async delete(options: Options) {
      await need(options, 'delete')
      await ask(control, { do: 'context.delete', ...place(options) })
    },
  }
}

function place(options: Options) {
  return {
    scope: options.scope,
    ...(options.id === undefined ? {} : { id: options.id }),
    ...(options.key ? { key: options.key } : {}),
  }
}

async function ask(control: Control, command: GatewayCommand): Promise<unknown> {
  const answers = await control.gateways.command(command)
  const good = answers.find((answer) => answer.error === undefined)
  if (good) return good.result
  const reason = answers[0]?.error ?? 'No gateway is connected.'
  throw toEditorError(new Refused('gateway.command', 503, reason))
}

function encoded(encode: NodeRed['util']['util']['encodeObject'], value: unknown) {
  // encodeObject writes into the object it is given.
  const { msg, format } = encode({ msg: structuredClone(value) }, { maxLength: 1000 })
  return { msg, format }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
