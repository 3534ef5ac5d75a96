import { hash } from 'node:crypto'
import type { MessageClient } from '../../../runtime/core/access/clients.ts'
import { customerNetwork } from '../../../runtime/core/access/customer-network.ts'
import { fault } from '../../../runtime/core/fault.ts'
import type { Message } from '../../../runtime/core/message.ts'
import type { NodeProblem, Scope } from '../../../runtime/core/node.ts'
import type { Run } from '../../../runtime/core/run.ts'
import { isSandboxCall } from '../../../runtime/core/access/sandbox-call.ts'
import { checkTypedValue, compileTypedValue, type TypedValue } from '../../../runtime/core/values/typed-value.ts'

/** Whom a limit counts together. */
export const levels = ['all', 'api', 'resource', 'application', 'subscription', 'ip', 'key'] as const
export type Level = (typeof levels)[number]

const fragmentTypes = ['msg', 'str', 'env', 'jsonata'] as const

/** One part of a key of the user's own. */
export interface Fragment {
  readonly value: string
  readonly valueType: (typeof fragmentTypes)[number]
}

/** Schema of the choice of a level. */
export const levelSchema = (standard: Level) => ({ enum: levels, default: standard, title: 'Per', description: 'Whom the limit counts together.' })

/** Schema of the parts of a key. */
export const fragmentsSchema = {
  type: 'array',
  default: [],
  title: 'Key',
  'x-form': { when: { per: ['key'] } },
  description: 'What makes the key for limits per key, such as a header. A part that is missing counts as empty: callers without it share one count.',
  items: {
    type: 'object',
    properties: {
      value: { type: 'string', default: '', title: 'Value' },
      valueType: { enum: fragmentTypes, default: 'msg' },
    },
  },
} as const

/**
 * Names whom a call counts for. `fragments` are the values of the key's parts; they are kept as a hash, because they
 * may be anything, a secret too.
 * What sandbox callers use is counted apart, whatever the level: trying things out takes nothing from production.
 * @throws Fault `limit.no_client` when the level needs a caller that nobody has made sure of
 */
export function whoIs(level: Level, message: Message, run: Run, fragments: readonly unknown[], { clients }: Pick<Scope, 'clients'>): string {
  const who = whoIsAnywhere(level, message, run, fragments, clients)
  // The name of an application says it already.
  return level !== 'application' && level !== 'subscription' && isSandboxCall(run, message) ? `${who}~sandbox` : who
}

function whoIsAnywhere(level: Level, message: Message, run: Run, fragments: readonly unknown[], clients: Scope['clients']): string {
  switch (level) {
    case 'all':
      return 'all'
    case 'api':
      return `api:${apiOf(run, clients)}`
    case 'resource':
      return `resource:${run.flow}:${run.request?.method ?? ''} ${run.request?.route ?? ''}`
    case 'application':
      return `application:${applicationOf(clientOf(message, level))}`
    case 'subscription':
      return `subscription:${applicationOf(clientOf(message, level))}/${apiOf(run, clients)}`
    case 'ip':
      return `ip:${customerNetwork(run.request?.ip ?? '')}`
    case 'key':
      return keyOf(fragments)
  }
}

/** The same for somebody who is named and does not call: an application's id, an address, the parts of a key. */
export function whoIsNamed(level: Level, name: unknown): string {
  if (level === 'all') return 'all'
  if (level === 'key') return keyOf(Array.isArray(name) ? name : [name])
  return `${level}:${level === 'ip' ? customerNetwork(String(name)) : String(name)}`
}

/** The caller that an auth node made sure of. @throws Fault `limit.no_client` */
export function clientOf(message: Message, level: string): MessageClient {
  const { client } = message
  if (typeof client === 'object' && client !== null && typeof (client as MessageClient).application === 'string') return client as MessageClient
  throw fault('limit.no_client', { level })
}

/** Id of the API that the run entered by; that of the flow when it has no record. */
export function apiOf(run: Run, clients: Scope['clients']): string {
  return clients.apiOfFlow(run.flow)?.id ?? run.flow
}

/**
 * Calls with sandbox credentials never use up what is meant for production. Who is known by a token alone and belongs to no
 * application counts by their own id.
 */
export function applicationOf({ application, id, environment }: MessageClient): string {
  const name = bounded(application === '' ? `~${id}` : application)
  return environment === 'sandbox' ? `${name}~sandbox` : name
}

/** Somebody else's issuer may give names of any length; a counter's key has an end. */
function bounded(name: string): string {
  return name.length <= 128 ? name : `#${hash('sha256', name, 'base64url')}`
}

/** The parts of a key, ready to be read from messages. */
export function compileFragments(fragments: readonly Fragment[], scope: Scope): Promise<TypedValue[]> {
  return Promise.all(fragments.map(({ value, valueType }) => compileTypedValue(value, valueType, scope)))
}

/** What is wrong with the parts of a key; one that is used must have some. */
export function checkFragments(fragments: readonly Fragment[], used: boolean): (NodeProblem | undefined)[] {
  if (used && fragments.length === 0) {
    return [{ code: 'limit.no_key', property: 'key', message: 'The limit counts per key, but no key is given.', remedy: 'Add a part to the key, such as req.headers.tenant, or count per something else.' }]
  }
  return fragments.map(({ value, valueType }) => checkTypedValue(value, valueType, 'key'))
}

function keyOf(fragments: readonly unknown[]): string {
  const texts = fragments.map((one) => (one === undefined || one === null ? '' : typeof one === 'object' ? JSON.stringify(one) : String(one)))
  return `key:${hash('sha256', JSON.stringify(texts), 'base64url')}`
}
