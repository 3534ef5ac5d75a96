import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import { methods } from '../../runtime/core/http/methods.ts'
import type { Scope } from '../../runtime/core/node.ts'
import { parameterName } from '../../runtime/core/http/parameter-name.ts'
import { toText } from '../../runtime/core/values/path-template.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { UpstreamRequest } from '../../runtime/core/upstream/upstream.ts'
import { encodeQuery } from '../../runtime/core/upstream/url-template.ts'
import { compileUrl } from '../shared/callouts/callout-url.ts'
import { openTls } from '../shared/callouts/open-tls.ts'
import { namesOfQuery, passedQuery } from '../shared/callouts/passed-query.ts'
import type { ServiceCalloutConfig } from './config.ts'
import { compileInput, type Input } from './input.ts'
import { toRequestBody } from './request-body.ts'
import type { Pair } from './sandbox.ts'
import { clientHeaders, clientMethod } from './transparent.ts'

/** What of a callout makes its request. */
export type RequestConfig = Pick<ServiceCalloutConfig, 'method' | 'url' | 'query' | 'passQuery' | 'headers' | 'bodyFrom' | 'body' | 'bodyType' | 'timeoutMs' | 'responseLimitBytes' | 'redirects' | 'tls' | 'http2' | 'transparent' | 'passCredentials'>

/** Compiles what makes a request of a message. A promise is given only when an expression needs one. */
export async function compileRequest(config: RequestConfig, scope: Scope, tellBudget = false): Promise<(message: Message, run: Run) => UpstreamRequest | Promise<UpstreamRequest>> {
  const url = compileUrl(config.url, scope)
  const query = await compilePairs(config.query, scope)
  const headers = await compilePairs(config.headers, scope)
  const body = config.bodyFrom === 'expression' ? await compileInput(config.body, config.bodyType, scope) : undefined
  const tls = openTls(config.tls, scope)
  const limits = { timeoutMs: config.timeoutMs, responseLimitBytes: config.responseLimitBytes, redirects: config.redirects, ...(tls ? { tls } : {}), ...(config.http2 ? { http2: true } : {}), ...(tellBudget ? { tellBudget } : {}), ...(scope.hideSecrets ? { hideSecrets: scope.hideSecrets } : {}) }
  const inputs = [...query.map(({ input }) => input), ...headers.map(({ input }) => input), ...(body ? [body] : [])]
  const anyAsync = inputs.some((input) => input.async)
  const ownNames = config.passQuery || config.transparent ? new Set([...query.map(({ name }) => parameterName(encodeQuery(name))), ...namesOfQuery(config.url)]) : undefined
  const ownHeaders = new Set(headers.map(({ name }) => name.toLowerCase()))
  const ownType = headers.findIndex(({ name }) => name.toLowerCase() === 'content-type')

  function build(message: Message, values: readonly unknown[]): UpstreamRequest {
    const method = config.transparent ? clientMethod(message) : config.method === 'use' ? toMethod(message.method) : config.method
    const sent: Record<string, string | string[]> = config.transparent ? clientHeaders(message, { passCredentials: config.passCredentials, own: ownHeaders }) : {}
    for (const [index, { name }] of headers.entries()) addHeader(sent, name, values[query.length + index])
    const contentType = ownType === -1 ? textOf(sent['content-type']) : toText(sent[headers[ownType]?.name ?? ''])
    const value = bodyOf(config.bodyFrom, method, message, body ? values.at(-1) : undefined)
    const content = toRequestBody(value, contentType)
    if (content.contentType !== undefined && !contentType) sent['content-type'] = content.contentType
    const target = addQuery(url.render(message), query, values)
    return { method, url: ownNames === undefined ? target : appendQuery(target, passedQuery((message['req'] as { readonly url?: unknown } | undefined)?.url, ownNames)), headers: sent, body: content.body, ...limits }
  }

  // Nothing depends on the message: one request for all.
  const takesBody = config.bodyFrom === 'payload' || (config.bodyFrom === 'auto' && (config.method === 'use' || hasBody(config.method)))
  if (url.constant && !config.transparent && !takesBody && !config.passQuery && config.method !== 'use' && inputs.every((input) => input.constant)) {
    const fixed = Object.freeze(build({}, inputs.map((input) => input.evaluate({}, undefined as never))))
    return () => fixed
  }
  if (!anyAsync) return (message, run) => build(message, inputs.map((input) => input.evaluate(message, run)))
  return (message, run) => Promise.all(inputs.map((input) => input.evaluate(message, run))).then((values) => build(message, values))
}

async function compilePairs(list: readonly Pair[], scope: Scope): Promise<{ name: string; input: Input }[]> {
  const compiled: { name: string; input: Input }[] = []
  for (const { name, value, valueType } of list) {
    if (name.trim() !== '') compiled.push({ name: name.trim(), input: await compileInput(value, valueType, scope) })
  }
  return compiled
}

function addHeader(headers: Record<string, string | string[]>, name: string, value: unknown): void {
  if (value === undefined || value === null) return
  headers[name] = Array.isArray(value) ? value.map(toText) : toText(value)
}

function addQuery(url: string, query: readonly { name: string }[], values: readonly unknown[]): string {
  let added = ''
  for (const [index, { name }] of query.entries()) {
    const value = values[index]
    if (value === undefined || value === null) continue
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) added += `&${encodeQuery(name)}=${encodeQuery(one)}`
  }
  return appendQuery(url, added.slice(1))
}

function appendQuery(url: string, added: string): string {
  if (added === '') return url
  return url.includes('?') ? `${url}${/[?&]$/.test(url) ? '' : '&'}${added}` : `${url}?${added}`
}

function bodyOf(from: ServiceCalloutConfig['bodyFrom'], method: string, message: Message, expression: unknown): unknown {
  if (from === 'expression') return expression
  if (from === 'payload' || (from === 'auto' && hasBody(method))) return message.payload
  return undefined
}

function hasBody(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
}

function toMethod(value: unknown): string {
  const method = typeof value === 'string' ? value.toUpperCase() : ''
  if ((methods as readonly string[]).includes(method)) return method
  throw fault('step.config', { message: `msg.method is no method to call with. It must be one of ${methods.join(', ')}.` })
}

function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0]
}
