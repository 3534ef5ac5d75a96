import { hash } from 'node:crypto'
import { resolve } from '../../../runtime/core/http/body.ts'
import { toCachePlace, toCacheTag, toWholeTag } from '../../../runtime/core/state/cache.ts'
import type { MessageClient } from '../../../runtime/core/access/clients.ts'
import type { Message } from '../../../runtime/core/message.ts'
import type { NodeProblem, Scope } from '../../../runtime/core/node.ts'
import type { Run } from '../../../runtime/core/run.ts'
import { isSandboxCall } from '../../../runtime/core/access/sandbox-call.ts'
import { checkTypedValue } from '../../../runtime/core/values/typed-value.ts'
import type { Fragment } from '../limits/limit-level.ts'

/** Whose cache it is: of the flow alone, or of all flows of its organisation that name it. */
export const reaches = ['flow', 'organisation'] as const
export type Reach = (typeof reaches)[number]

/** For whom a value is kept: for each caller their own, or for all. */
export const audiences = ['client', 'everyone'] as const
export type Audience = (typeof audiences)[number]

export interface CachePlaceConfig {
  readonly cache: string
  readonly reach: Reach
}

/** Schema of the properties that say which cache is meant. */
export const cachePlaceSchema = {
  cache: {
    type: 'string', default: 'default', minLength: 1, maxLength: 100, title: 'Cache', description: 'Nodes that name the same cache share it.',
    'x-form': { 'zh-TW': { title: '快取名稱', description: '名稱相同的節點共用同一個快取。' } },
  },
  reach: {
    enum: reaches, default: 'flow', title: 'Shared by', description: 'flow: the nodes of this flow. organisation: all flows of its organisation.',
    'x-form': { 'zh-TW': { title: '共用範圍', description: '「流程」：本流程的節點；「組織」：同一組織的所有流程。', choices: { flow: '流程', organisation: '組織' } } },
  },
} as const

export const audienceSchema = {
  enum: audiences, default: 'client', title: 'Kept for', description: 'client: what one caller got no other gets. everyone: only for what is the same for all callers.',
  'x-form': { 'zh-TW': { title: '保存對象', description: '「各呼叫者」：不同呼叫者互不共用；「所有人」：僅適用於對所有呼叫者都相同的內容。', choices: { client: '各呼叫者', everyone: '所有人' } } },
} as const

/** Schema of a list of typed values: the parts of a key, tags. */
export function partsSchema(title: string, description: string, zh: { readonly title: string; readonly description: string }) {
  return {
    type: 'array', default: [], title, description, 'x-form': { 'zh-TW': zh },
    items: {
      type: 'object',
      properties: {
        value: { type: 'string', default: '', title: 'Value', 'x-form': { 'zh-TW': { title: '值' } } },
        valueType: { enum: ['msg', 'str', 'env', 'jsonata'], default: 'msg' },
      },
    },
  } as const
}

export function checkParts(parts: readonly Fragment[], property: string): (NodeProblem | undefined)[] {
  return parts.map(({ value, valueType }) => checkTypedValue(value, valueType, property))
}

/** The beginning of every key and tag of a cache. Operators find the cache as long as the node is deployed. */
export function openPlace(scope: Pick<Scope, 'node' | 'state' | 'onRetire'>, { cache, reach }: CachePlaceConfig): string {
  const name = { reach, owner: (reach === 'flow' ? scope.node.flow : scope.node.organisation) ?? '', cache }
  scope.onRetire(scope.state.cache.open(name))
  return toCachePlace(name)
}

export { toCacheTag as tagOf, toWholeTag as wholeTag }

/** A list of values as tags: what is missing or empty is none, a list is several. */
export function toTags(values: readonly unknown[]): string[] {
  return values.flat().flatMap((value) => (value === undefined || value === null || value === '' ? [] : [typeof value === 'object' ? JSON.stringify(resolve(value)) : String(value)]))
}

/** What operators call a value: its parts one after the other. */
export function toName(values: readonly unknown[]): string {
  return values.map((value) => (typeof value === 'object' && value !== null ? JSON.stringify(resolve(value)) : String(value))).join('/').slice(0, longestName)
}

/** Longest name of a value or an answer, characters. */
export const longestName = 2048

/** The parts of a key as text: equal parts, equal text, and no two lists of parts alike. */
export function toKeyText(values: readonly unknown[]): string {
  return JSON.stringify(values.map((value) => (value === undefined ? null : typeof value === 'bigint' ? String(value) : resolve(value))))
}

/**
 * Who a value is kept for, as a part of its key. What was tried in the sandbox is kept apart, whoever shares the rest. A caller
 * whom no node has made sure of is known by the credentials that came along: two callers may differ by nothing else.
 */
export function audienceOf(audience: Audience, message: Message, run: Run): string {
  const who = audience === 'everyone' ? '' : callerOf(message, run)
  return isSandboxCall(run, message) ? `sandbox ${who}` : who
}

function callerOf(message: Message, run: Run): string {
  const { client } = message
  if (typeof client === 'object' && client !== null) {
    const { id, application, environment } = client as Partial<MessageClient>
    if (typeof id === 'string') return JSON.stringify([application, environment, id])
  }
  return credentialsOf(run)
}

/** A hash of what a request proves its caller by; empty when it brings nothing. */
export function credentialsOf(run: Run): string {
  const headers = run.request?.headers
  if (headers === undefined) return ''
  const { authorization, cookie, 'x-api-key': key } = headers
  if (authorization === undefined && cookie === undefined && key === undefined && run.request?.clientCertificate === undefined) return ''
  return hash('sha256', JSON.stringify([authorization, cookie, key, run.request?.clientCertificate?.fingerprint256]), 'base64url')
}
