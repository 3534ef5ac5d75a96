import { randomUUID } from 'node:crypto'
import { stringify } from 'node:querystring'
import mustache from 'mustache'
import { Body, payloadOf } from '../../runtime/core/http/body.ts'
import { ByteStream } from '../../runtime/core/http/byte-stream.ts'
import { type Fault, fault, toFault } from '../../runtime/core/fault.ts'
import { parseJson } from '../../runtime/core/values/json-depth.ts'
import { checkLabelRows, type LabelRow, labelsOfRows, stockLabelRowsSchema } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem, type Scope } from '../../runtime/core/node.ts'
import { parsePathTemplate, TemplateError } from '../../runtime/core/values/path-template.ts'
import type { Run } from '../../runtime/core/run.ts'
import { isSandboxCall, markSandboxAnswer } from '../../runtime/core/access/sandbox-call.ts'
import type { Evaluate } from '../../runtime/core/sandbox.ts'
import { shownUrl } from '../../runtime/core/upstream/shown-url.ts'
import type { Sends } from '../../runtime/core/step.ts'
import { tabProperties } from '../../runtime/core/tab-properties.ts'
import { markUpstreamHeaders } from '../../runtime/core/http/upstream-headers.ts'
import type { UpstreamReply, UpstreamRequest } from '../../runtime/core/upstream/upstream.ts'
import { compileSend, type Sender } from '../shared/callouts/callout-send.ts'
import { type StreamedReply, toStreamed } from '../shared/callouts/callout-stream.ts'
import { toPlainWay, type Way } from '../shared/callouts/callout-way.ts'
import { credentialUses } from '../shared/callouts/credential-uses.ts'
import { openTls } from '../shared/callouts/open-tls.ts'
import { faultWithoutSecrets, withoutSecrets } from '../shared/callouts/shown-reply.ts'
import { toCookieHeader, toResponseCookies } from './cookies.ts'
import { answerDigest } from './digest.ts'
import { toMultipart } from './multipart.ts'
import { checkHeaders, compileHeaders, type HeaderRow, type RequestHeaders } from './request-headers.ts'
import { leaksOfRequest } from './leaks.ts'
import { addToQuery, toRequestUrl } from './request-url.ts'

export interface HttpRequestConfig {
  readonly method: string
  readonly ret: 'txt' | 'bin' | 'obj'
  readonly paytoqs: 'ignore' | 'query' | 'body'
  readonly url: string
  readonly tls: string
  readonly persist: boolean
  readonly proxy: string
  readonly insecureHTTPParser: boolean
  readonly authType: '' | 'basic' | 'digest' | 'bearer'
  readonly senderr: boolean
  readonly headers: readonly HeaderRow[]
  readonly responseLimitBytes: number
  /** Id of an upstream; the URL is then a path. Flows of Node-RED have none. */
  readonly upstream: string
  /** `stream`: the payload is a stream of bytes, whatever `ret` says. */
  readonly answerAs: 'body' | 'stream'
  /** What comes in with the answer that is about people, or secret. */
  readonly labels?: readonly LabelRow[]
}

/** Node-RED's: as long as a call may take when the message does not say. */
const defaultTimeoutMs = 120_000
const redirectLimit = 21

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Node-RED's `http request`: one call to a server, with Node-RED's meaning of config and message. */
export const httpRequest = defineNode<HttpRequestConfig, 'out'>({
  type: 'http request',
  category: 'callout',
  label: { en: 'http request', 'zh-TW': 'HTTP 請求' },
  summary: { en: 'Sends an HTTP request and returns the response.', 'zh-TW': '送出 HTTP 請求並回傳回應。' },
  icon: 'white-globe.svg',
  stockForm: 'network/21-httprequest',
  stockFormFields: ['upstream', 'answerAs', 'responseLimitBytes', 'labels'],
  credentials: { user: 'text', password: 'password' },
  holdsBytes: ({ responseLimitBytes, answerAs }) => (answerAs === 'stream' ? undefined : responseLimitBytes),
  outputs: ['out'],
  startsLabels: ({ labels }) => (labels?.length ?? 0) > 0,
  labels({ labels, ret, answerAs }, input, facts) {
    const answered = labelsOfRows(labels, facts)
    // Text and bytes have no fields yet.
    const came = ret === 'obj' && answerAs !== 'stream' ? answered : answered.and(answered.at(['payload']).anywhere.under(['payload']))
    // An error goes on with everything else of the message as it was.
    return came.and(input.without(['payload']).without(['statusCode']))
  },
  leaks: (config, input) => leaksOfRequest(config, input),
  sends: ({ upstream }, facts) => credentialUses({ upstream, url: '', auth: '' }, facts),
  faults: [
    'upstream.connect', 'upstream.dns', 'upstream.tls', 'upstream.timeout', 'upstream.eof', 'upstream.too_large', 'upstream.body', 'upstream.redirects', 'upstream.url',
    'upstream.header', 'egress.denied', 'sandbox.none', 'step.config', 'template.error',
  ],
  config: {
    type: 'object',
    properties: {
      method: { type: 'string', default: 'GET', description: '“use” takes msg.method.' },
      ret: { enum: ['txt', 'bin', 'obj'], default: 'txt' },
      paytoqs: { enum: ['ignore', 'query', 'body'], default: 'ignore', description: 'What a GET does with the payload.' },
      url: { type: 'string', default: '', description: 'May hold {{payload.x}}; empty: msg.url.' },
      tls: { type: 'string', default: '' },
      persist: { type: 'boolean', default: false },
      proxy: { type: 'string', default: '' },
      insecureHTTPParser: { type: 'boolean', default: false },
      authType: { enum: ['', 'basic', 'digest', 'bearer'], default: '' },
      senderr: { type: 'boolean', default: false, description: 'Send errors to Catch nodes only.' },
      headers: {
        type: 'array',
        'x-secret': true,
        default: [],
        items: {
          type: 'object',
          properties: { keyType: { type: 'string', default: 'other' }, keyValue: { type: 'string', default: '' }, valueType: { type: 'string', default: 'other' }, valueValue: { type: 'string', default: '' } },
        },
      },
      upstream: {
        type: 'string', default: '', 'x-config': 'upstream', title: 'Upstream', description: 'A service by name, with its servers and how calls stand up when they fail. The URL is then a path: /items/{{payload.id}}.',
        'x-form': { 'zh-TW': { title: '上游服務', description: '具名的服務，含其伺服器與故障處理。此時網址只寫路徑：/items/{{payload.id}}。' } },
      },
      answerAs: {
        enum: ['body', 'stream'], default: 'body', title: 'Answer as', description: 'stream: the payload passes while it comes, of any size, whatever “Return” says; for a for each node that reads it item by item (NDJSON), or for the answer. Redirects are not followed; the timeout is the longest silence as well.',
        'x-form': { 'zh-TW': { title: '回應方式', description: '串流：payload 邊收邊傳、不限大小，不受「返回」設定影響；供 for each 逐項讀取（NDJSON）或直接回應。不跟隨轉址；逾時也是最長靜默時間。', choices: { body: '完整本文', stream: '串流' } } },
      },
      responseLimitBytes: { type: 'integer', minimum: 0, default: 52_428_800, title: 'Response limit (bytes)', description: 'Largest answer taken, unpacked.' },
      labels: stockLabelRowsSchema,
    },
  },
  migrate(config) {
    const { paytoqs, headers, ...rest } = config
    return {
      ...rest,
      paytoqs: paytoqs === true || paytoqs === 'query' ? 'query' : paytoqs === 'body' ? 'body' : 'ignore',
      ...(Array.isArray(headers) ? { headers } : {}),
      ...Object.fromEntries(['tls', 'proxy', 'upstream'].filter((name) => config[name] === null).map((name) => [name, ''])),
    }
  },
  check(config, facts) {
    const problems: NodeProblem[] = checkLabelRows(config.labels)
    if (config.upstream !== '' && facts.typeOf(config.upstream) !== 'upstream') problems.push({ code: 'config.missing', property: 'upstream', message: 'The upstream that the http request names does not exist.', remedy: 'Choose another one, or none.' })
    if (config.upstream !== '' && config.url.trim() !== '' && !/^\s*(?:\/|\{\{|\$\{)/.test(config.url)) problems.push({ code: 'callout.path', property: 'url', message: 'The http request has an upstream and a whole URL.', remedy: 'Write the path only, such as /items/{{payload.id}}; the host is one of the upstream’s targets.' })
    if (config.upstream === '' && config.url.includes('://') && !/^\s*(?:https?:|\{\{|\$\{)/i.test(config.url)) {
      problems.push({ code: 'callout.url', property: 'url', message: `“${config.url}” is neither an http nor an https URL.`, remedy: 'Enter an address that begins with http:// or https://.' })
    }
    const template = checkTemplate(config.url)
    if (template) problems.push(template)
    if (config.method !== 'use' && !token.test(config.method)) problems.push({ code: 'callout.method', property: 'method', message: `“${config.method}” is no HTTP method.`, remedy: 'Choose a method from the list.' })
    for (const message of checkHeaders(config.headers)) problems.push({ code: 'value.path', property: 'headers', message, remedy: 'Write it like payload.items[0].name.' })
    if (config.tls !== '' && facts.typeOf(config.tls) !== 'tls-config') problems.push({ code: 'config.missing', property: 'tls', message: 'The TLS configuration that the http request refers to does not exist.', remedy: 'Choose another one, or none.' })
    if (config.proxy !== '') problems.push({ code: 'callout.proxy', property: 'proxy', message: 'Callouts through a proxy are not available yet.', remedy: 'Untick “Use proxy”.' })
    if (config.insecureHTTPParser) {
      problems.push({ code: 'callout.insecure_parser', property: 'insecureHTTPParser', message: 'The lenient HTTP parser is not available: it takes answers that can be read in two ways (request smuggling).', remedy: 'Untick “Disable strict HTTP parsing”.' })
    }
    return problems
  },
  async compile(config, scope) {
    const urlOf = await compileUrl(config.url, scope)
    const headersOf = compileHeaders(config.headers)
    const tls = openTls(config.tls, scope)
    const place = config.upstream === '' ? undefined : await compilePlace(config, scope)
    const way: Way = place ?? toPlainWay(scope)
    const send = config.answerAs === 'stream' ? toStreamed(way, ({ timeoutMs }) => timeoutMs) : way.send
    const credentials = { user: textOf(scope.credentials.user), password: textOf(scope.credentials.password) }
    // Node-RED's node knows no second address: it calls nothing for sandbox callers unless the flow says that it may.
    const passesSandbox = scope.env(tabProperties.sandbox) === 'pass'
    let failing = false

    /** The request, and the credentials that a Digest challenge is answered with. */
    function build(urlText: unknown, message: Message): { request: UpstreamRequest; url: URL; user: string; password: string } {
      if (typeof urlText !== 'string' || urlText.trim() === '') throw fault('step.config', { message: 'No URL is given: set it in the node or in msg.url.' })
      const { url, ...inUrl } = place ? { url: placeUrl(place.url, urlText), user: '', password: '' } : toRequestUrl(urlText, config.tls !== '')
      const user = credentials.user === '' ? inUrl.user : credentials.user
      const password = credentials.password === '' ? inUrl.password : credentials.password
      const method = config.method === 'use' ? (typeof message.method === 'string' && token.test(message.method) ? message.method.toUpperCase() : 'GET') : config.method.toUpperCase()
      const headers = headersOf(message)
      const cookie = toCookieHeader(headers.get('cookie')?.value.toString(), message.cookies)
      if (cookie !== undefined) headers.set('cookie', { name: 'Cookie', value: cookie })
      authorize(headers, config.authType, user, password)
      const body = bodyOf(method, message, headers, config.paytoqs)
      if (method === 'GET' && config.paytoqs === 'query' && message.payload !== undefined) addToQuery(url, payloadOf(message))
      return {
        request: {
          method,
          url: url.href,
          headers: Object.fromEntries([...headers.values()].map(({ name, value }) => [name, value])),
          body,
          timeoutMs: timeoutOf(message.requestTimeout),
          responseLimitBytes: config.responseLimitBytes,
          redirects: message.followRedirects === undefined || Boolean(message.followRedirects) ? redirectLimit : 0,
          ...(tls && !place ? { tls } : {}),
          ...(place?.tellBudget ? { tellBudget: true } : {}),
          ...(scope.hideSecrets ? { hideSecrets: scope.hideSecrets } : {}),
        },
        url,
        user,
        password,
      }
    }

    async function call(message: Message, run: Run): Promise<Sends<'out'>> {
      if (!passesSandbox && isSandboxCall(run, message)) {
        markSandboxAnswer(run)
        throw fault('sandbox.none', { node: `“${scope.node.name ?? scope.node.type}”`, remedy: 'Use a service callout with a sandbox upstream, or set SLUICE_SANDBOX=pass in the environment of the tab when what it calls is no production.' })
      }
      let shown = shownUrl(config.url)
      try {
        const urlText = await urlOf(message, run)
        if (typeof urlText === 'string') shown = shownUrl(urlText)
        const { request, url, user, password } = build(urlText, message)
        let reply: UpstreamReply | StreamedReply = await send(request, message, run)
        if (reply.status === 401 && config.authType === 'digest') {
          const authorization = answerDigest(reply.headers['www-authenticate'], request.method, url.pathname + url.search, { user, password }, randomUUID().replaceAll('-', ''))
          if (authorization !== undefined && reply.body instanceof ByteStream) reply.body.discard()
          if (authorization !== undefined) reply = await send({ ...request, headers: { ...request.headers, Authorization: authorization } }, message, run)
        }
        if (failing) scope.status({})
        failing = false
        return { out: toMessage(message, withoutSecrets(reply, scope.hideSecrets), config.ret, run) }
      } catch (error) {
        return fail(message, faultWithoutSecrets(toFault(error), scope.hideSecrets), scope.hideSecrets?.(shown) ?? shown, run)
      }
    }

    function fail(message: Message, reason: Fault, url: string, run: Run): Sends<'out'> {
      if (run.signal.aborted) throw reason
      failing = true
      scope.status({ fill: 'red', shape: 'ring', text: reason.title }, run)
      if (config.senderr) throw reason
      // Node-RED's way without the option: the error goes to Catch nodes and the message goes on as well.
      scope.error(reason, message, run)
      return { out: { ...message, payload: `${reason.message} : ${url}`, statusCode: codeOf(reason) } }
    }

    return call
  },
})

/** How requests go to the servers of an upstream. What the node proves itself by goes before what the upstream would. */
async function compilePlace({ upstream, authType }: HttpRequestConfig, scope: Scope): Promise<Sender> {
  const own = authType !== '' && (textOf(scope.credentials.user) !== '' || textOf(scope.credentials.password) !== '')
  return await compileSend({ upstream, url: '', auth: own ? undefined : '', tellBudget: 'auto', resilience: 'upstream' }, scope)
}

/** @throws Fault `step.config` when it is a whole URL: the flow must not choose another host */
function placeUrl(origin: string, text: string): URL {
  const path = text.trim()
  if (path.startsWith('/') && !path.startsWith('//') && URL.canParse(origin + path)) return new URL(origin + path)
  throw fault('step.config', { message: 'With an upstream, the URL of the request is a path that begins with a slash.' })
}

/** Node-RED merges in that order: the answer's fields over the message's. */
function toMessage(message: Message, reply: UpstreamReply | StreamedReply, ret: HttpRequestConfig['ret'], run: Run): Message {
  const setCookie = reply.headers['set-cookie']
  const redirects = 'redirects' in reply ? reply.redirects : []
  return {
    ...message,
    payload: 'redirects' in reply ? toPayload(reply, ret, run) : reply.body,
    statusCode: reply.status,
    headers: markUpstreamHeaders(reply.headers),
    responseUrl: reply.url,
    redirectList: redirects.map((hop, index) => ({
      location: redirects[index + 1]?.url ?? reply.url,
      ...(hop.setCookie ? { cookies: toResponseCookies(hop.setCookie) } : {}),
    })),
    ...(setCookie === undefined ? {} : { responseCookies: toResponseCookies([setCookie].flat()) }),
  }
}

function toPayload({ body, status }: UpstreamReply, ret: HttpRequestConfig['ret'], run: Run): unknown {
  if (ret === 'bin') return body.bytes()
  if (ret === 'txt') return body.bytes().toString('utf8')
  if (status === 204) return {}
  if (body.isJson && body.bytes().length > 0) return body // says it is JSON: parsed when somebody reads it
  const text = body.bytes().toString('utf8')
  try {
    return parseJson(text)
  } catch (error) {
    run.log.warn({ reason: (error as Error).message }, 'http request: the answer is not valid JSON and stays text')
    return text
  }
}

function bodyOf(method: string, message: Message, headers: RequestHeaders, paytoqs: HttpRequestConfig['paytoqs']): Buffer | string | undefined {
  const { payload } = message
  if (payload === undefined || method === 'HEAD' || (method === 'GET' && paytoqs !== 'body')) return undefined
  const contentType = headers.get('content-type')?.value
  const announce = (value: string) => headers.set('content-type', { name: headers.get('content-type')?.name ?? 'Content-Type', value })
  if (payload instanceof Body && payload.isJson && contentType === undefined) {
    if (method !== 'GET') announce('application/json')
    return payload.bytes()
  }
  const value = payloadOf(message)
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (typeof value === 'number') return String(value)
  if (method === 'GET') return JSON.stringify(value)
  if (contentType === 'multipart/form-data' && typeof value === 'object' && value !== null) {
    const form = toMultipart(value as Record<string, unknown>, `----${randomUUID()}`)
    announce(form.contentType)
    return form.body
  }
  if (contentType === 'application/x-www-form-urlencoded') return stringify(value as Record<string, string>)
  if (contentType === undefined) announce('application/json')
  return JSON.stringify(value)
}

function authorize(headers: RequestHeaders, authType: HttpRequestConfig['authType'], user: string, password: string): void {
  if (user === '' && password === '') return
  if (authType === 'digest') return
  const value = authType === 'bearer' ? `Bearer ${password}` : `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  headers.set('authorization', { name: 'Authorization', value })
}

/** A plain path template is read in the host; anything more (sections, partials) is rendered in the sandbox. */
async function compileUrl(url: string, scope: Scope): Promise<Evaluate<unknown>> {
  if (url.trim() === '') return (message) => message.url
  try {
    const template = parsePathTemplate(url)
    return (message) => template.render(message)
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return scope.sandbox.template(url, { owner: scope.node.owner, id: scope.node.id, env: (name) => scope.env(name), contexts: scope.contexts }, 'none')
  }
}

function checkTemplate(url: string): NodeProblem | undefined {
  try {
    mustache.parse(url) // parses only: it runs nothing
    return undefined
  } catch (error) {
    return { code: 'template.syntax', property: 'url', message: `The URL's template does not compile: ${(error as Error).message}.`, remedy: 'Write {{payload.name}}.' }
  }
}

function timeoutOf(given: unknown): number {
  const timeoutMs = Number(given)
  return given === undefined || Number.isNaN(timeoutMs) || timeoutMs < 1 ? defaultTimeoutMs : timeoutMs
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** What Node-RED flows compare `msg.statusCode` with after an error. */
function codeOf(reason: Fault): string {
  if (reason.code === 'upstream.timeout') return 'ETIMEDOUT'
  const { cause } = reason
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined
  if (typeof code === 'string') return code
  return reason.code === 'upstream.dns' ? 'ENOTFOUND' : reason.code === 'upstream.connect' ? 'ECONNREFUSED' : reason.code
}
