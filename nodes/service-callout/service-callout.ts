import { type Fault, fault, toFault } from '../../runtime/core/fault.ts'
import { withJobKey } from '../../runtime/core/job-key.ts'
import type { Message } from '../../runtime/core/message.ts'
import { methods } from '../../runtime/core/methods.ts'
import { defineNode, type NodeProblem, type Scope } from '../../runtime/core/node.ts'
import { parameterName } from '../../runtime/core/parameter-name.ts'
import { TemplateError, toText } from '../../runtime/core/path-template.ts'
import type { Run } from '../../runtime/core/run.ts'
import { isSandboxCall, markSandboxAnswer } from '../../runtime/core/sandbox-call.ts'
import type { Sends } from '../../runtime/core/step.ts'
import { toUpstreamTls } from '../../runtime/core/tls-profile.ts'
import { markUpstreamHeaders } from '../../runtime/core/upstream-headers.ts'
import type { UpstreamReply, UpstreamRequest } from '../../runtime/core/upstream.ts'
import { encodeQuery, parseUrlTemplate } from '../../runtime/core/url-template.ts'
import { parseStatuses } from './expected-status.ts'
import { namesOfQuery, passedQuery } from './passed-query.ts'
import { checkInput, compileInput, type Input, withEnv } from './input.ts'
import { toRequestBody } from './request-body.ts'
import { checkSandbox, compileMock, noSandbox, toSandboxHeaders, toSandboxQuery, type Pair, type SandboxConfig } from './sandbox.ts'

const valueTypes = ['str', 'msg', 'jsonata', 'flow', 'global', 'env', 'num', 'bool'] as const

export interface ServiceCalloutConfig extends SandboxConfig {
  readonly method: (typeof methods)[number] | 'use'
  readonly url: string
  readonly query: readonly Pair[]
  readonly passQuery: boolean
  readonly headers: readonly Pair[]
  readonly bodyFrom: 'auto' | 'none' | 'payload' | 'expression'
  readonly body: string
  readonly bodyType: 'jsonata' | 'msg' | 'json' | 'str'
  readonly timeoutMs: number
  readonly expectedStatus: string
  readonly responseLimitBytes: number
  readonly redirects: number
  readonly tls: string
}

type Port = 'ok' | 'error'

/** Headers that a flow cannot set: they frame the message or name the host, which the URL does. */
const reserved = new Set(['host', 'content-length', 'connection', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'keep-alive', 'expect', 'proxy-connection'])

/** Faults after which nobody waits for the run any more: no port is told. */
const endings = new Set(['client.closed', 'flow.timeout', 'gateway.draining'])

const pairs = (what: string, chinese?: object) => ({
  type: 'array',
  default: [],
  description: what,
  ...(chinese ? { 'x-form': { when: { sandbox: ['url', 'mock'] }, 'zh-TW': chinese } } : {}),
  items: {
    type: 'object',
    properties: {
      name: { type: 'string', default: '', title: 'Name' },
      value: { type: 'string', default: '', title: 'Value' },
      valueType: { enum: valueTypes, default: 'str' },
    },
    required: ['name'],
  },
})

/** One HTTP call to another service, with everything that can go wrong named. */
export const serviceCallout = defineNode<ServiceCalloutConfig, Port>({
  type: 'service callout',
  category: 'callout',
  label: { en: 'service callout', 'zh-TW': '服務呼叫' },
  summary: { en: 'Calls an HTTP service and sends its answer on.', 'zh-TW': '呼叫 HTTP 服務並送出其回應。' },
  icon: 'fa-cloud-download',
  color: '#E7E7AE',
  outputs: ['ok', 'error'],
  faults: [
    'upstream.connect', 'upstream.dns', 'upstream.tls', 'upstream.status', 'upstream.timeout', 'upstream.eof', 'upstream.too_large', 'upstream.body',
    'upstream.redirects', 'upstream.url', 'upstream.header', 'egress.denied', 'sandbox.none', 'step.config', 'expression.error',
  ],
  config: {
    type: 'object',
    properties: {
      method: { enum: [...methods, 'use'], default: 'GET', description: '“use” takes msg.method.' },
      url: { type: 'string', default: '', title: 'URL', 'x-form': 'template', description: 'https://api.example.org/items/{{payload.id}}. The host is literal or from the environment: ${API_HOST}.' },
      query: pairs('Parameters added to the URL. Text may hold {{payload.x}}; a value that is missing leaves its parameter out, a list repeats it.'),
      passQuery: {
        type: 'boolean', default: false, title: 'Pass the query on', description: 'The caller’s query goes along as it came, without parameters that this node sets itself.',
        'x-form': { 'zh-TW': { title: '轉送查詢參數', description: '呼叫者的查詢參數原樣送出，但不含本節點自行設定的參數。' } },
      },
      headers: pairs('Headers to send. Text may hold {{payload.x}}; a value that is missing leaves its header out.'),
      bodyFrom: { enum: ['auto', 'none', 'payload', 'expression'], default: 'auto', description: 'auto: the payload for POST, PUT and PATCH, nothing for the others.' },
      body: { type: 'string', default: '', description: 'Used when the body comes from an expression.' },
      bodyType: { enum: ['jsonata', 'msg', 'json', 'str'], default: 'jsonata' },
      timeoutMs: { type: 'integer', minimum: 1, default: 10_000, description: 'For the whole call; the deadline of the run applies as well.' },
      expectedStatus: { type: 'string', default: '200-299', description: 'Statuses that go to “ok”: 200-299, 404.' },
      responseLimitBytes: { type: 'integer', minimum: 0, default: 5_242_880, description: 'Largest answer taken, unpacked.' },
      redirects: { type: 'integer', minimum: 0, maximum: 20, default: 5, description: 'Redirects followed; 0 gives the redirect back.' },
      tls: { type: 'string', default: '', 'x-config': 'tls-config', title: 'TLS', description: 'Client certificate and trusted authorities.' },
      sandbox: {
        enum: ['refuse', 'url', 'mock'], default: 'refuse', title: 'Sandbox callers', description: 'Callers with a sandbox credential never get to the URL above. refuse: fault sandbox.none (501). url: another address. mock: an answer that is played.',
        'x-form': { 'zh-TW': { title: '沙箱呼叫者', description: '持沙箱憑證的呼叫者絕不會連到上面的 URL。拒絕：錯誤 sandbox.none（501）；另一個網址；或由節點扮演回應。', choices: { refuse: '拒絕', url: '呼叫沙箱網址', mock: '模擬回應' } } },
      },
      sandboxUrl: {
        type: 'string', default: '', title: 'Sandbox URL', description: 'url: https://sandbox.example.org/items/{{payload.id}}. Method, query and body are those above.',
        'x-form': { when: { sandbox: ['url'] }, control: 'template', 'zh-TW': { title: '沙箱網址', description: '沙箱網址：https://sandbox.example.org/items/{{payload.id}}。方法、查詢參數與本文同上。' } },
      },
      sandboxTls: { type: 'string', default: '', 'x-config': 'tls-config', title: 'Sandbox TLS', description: 'url: client certificate for the sandbox; that of production is not shown to it.', 'x-form': { when: { sandbox: ['url'] }, 'zh-TW': { title: '沙箱 TLS', description: '沙箱網址：給沙箱用的用戶端憑證；不會使用正式環境的憑證。' } } },
      sandboxHeaders: {
        ...pairs('url: headers to send instead of those above, of which only Accept, Accept-Language and Content-Type go along. mock: headers of the answer.', { title: '沙箱標頭', description: '沙箱網址：取代上面的標頭（上面的只帶 Accept、Accept-Language、Content-Type）。模擬回應：回應的標頭。' }),
        title: 'Sandbox headers',
      },
      sandboxStatus: { type: 'integer', minimum: 200, maximum: 599, default: 200, title: 'Mock status', description: 'mock: status of the answer; one that is not expected leaves by “error”.', 'x-form': { when: { sandbox: ['mock'] }, 'zh-TW': { title: '模擬狀態碼', description: '模擬回應：狀態碼；不在預期內者由「error」送出。' } } },
      sandboxBody: { type: 'string', default: '', title: 'Mock body', description: 'mock: what is answered, as JSON, text with {{payload.x}}, JSONata or a message property.', 'x-form': { when: { sandbox: ['mock'] }, 'zh-TW': { title: '模擬本文', description: '模擬回應：JSON、含 {{payload.x}} 的文字、JSONata 或訊息屬性。' } } },
      sandboxBodyType: { enum: ['json', 'str', 'jsonata', 'msg'], default: 'json' },
      sandboxDelayMs: { type: 'integer', minimum: 0, maximum: 600_000, default: 0, title: 'Mock delay', description: 'mock: milliseconds before the answer; the timeout or more plays a service that does not answer.', 'x-form': { when: { sandbox: ['mock'] }, 'zh-TW': { title: '模擬延遲', description: '模擬回應：回應前等待的毫秒數；達到逾時值即模擬服務無回應。' } } },
    },
  },
  check(config, facts) {
    const problems: (NodeProblem | undefined)[] = []
    problems.push(config.url.trim() === '' ? { code: 'callout.no_url', property: 'url', message: 'The service callout has no URL.', remedy: 'Open the node and enter the address to call.' } : checkUrl(config.url))
    for (const property of ['query', 'headers', 'sandboxHeaders'] as const) {
      for (const { name, value, valueType } of config[property]) {
        if (name.trim() === '') continue
        problems.push(checkInput(value, valueType, property))
        if (property === 'query') continue
        if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name.trim())) problems.push({ code: 'header.name', property, message: `“${name}” is not a header name.`, remedy: 'Use letters, digits and hyphens.' })
        if (reserved.has(name.trim().toLowerCase())) problems.push({ code: 'header.reserved', property, message: `The header “${name}” is set by the connection itself.`, remedy: 'Remove it; the host comes from the URL and the length from the body.' })
      }
    }
    if (config.bodyFrom === 'expression') problems.push(checkInput(config.body, config.bodyType, 'body'))
    if (!parseStatuses(config.expectedStatus)) problems.push({ code: 'callout.status', property: 'expectedStatus', message: `“${config.expectedStatus}” is no list of statuses.`, remedy: 'Write statuses and ranges, such as 200-299, 404.' })
    problems.push(...checkSandbox(config, checkUrl, (id) => facts.typeOf(id)))
    if (config.tls !== '' && facts.typeOf(config.tls) !== 'tls-config') problems.push({ code: 'config.missing', property: 'tls', message: 'The TLS configuration that the service callout refers to does not exist.', remedy: 'Choose another one, or none.' })
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const expected = parseStatuses(config.expectedStatus) ?? (() => false)
    const prepare = await compileRequest(config, scope)
    const callSandbox = await compileSandbox(config, scope)
    const errorWired = scope.isWired?.('error') ?? false

    function receive(message: Message, reply: UpstreamReply): Sends<Port> {
      const answered = { ...message, payload: reply.body, statusCode: reply.status, headers: markUpstreamHeaders(reply.headers), responseUrl: reply.url }
      if (expected(reply.status)) return { ok: answered }
      return fail(answered, fault('upstream.status', { host: new URL(reply.url).host, status: reply.status, expected: config.expectedStatus }))
    }

    function fail(message: Message, reason: Fault): Sends<Port> {
      if (!errorWired || endings.has(reason.code)) throw reason
      const { code, status, title, message: text, facts } = reason
      const source = { id: scope.node.id, type: scope.node.type, ...(scope.node.name ? { name: scope.node.name } : {}) }
      return { error: { ...message, ...(message.error === undefined ? {} : { _error: message.error }), error: { code, status, title, message: text, facts, source } } }
    }

    /** Nothing of a sandbox caller gets to production, by whatever way it fails. */
    function sandboxed(message: Message, run: Run): Sends<Port> | Promise<Sends<Port>> {
      markSandboxAnswer(run)
      return callSandbox(message, run).then(
        (reply) => receive(message, reply),
        (error: unknown) => fail(message, toFault(error)),
      )
    }

    return function serviceCallout(message, run) {
      if (isSandboxCall(run, message)) return sandboxed(message, run)
      let request: UpstreamRequest | Promise<UpstreamRequest>
      try {
        request = prepare(message, run)
      } catch (error) {
        return fail(message, toFault(error))
      }
      const answer = request instanceof Promise ? request.then((ready) => scope.upstream.request(withJobKey(ready, run, scope.node.id), run)) : scope.upstream.request(withJobKey(request, run, scope.node.id), run)
      return answer.then(
        (reply) => receive(message, reply),
        (error: unknown) => fail(message, toFault(error)),
      )
    }
  },
})

/** How callers of the sandbox are served. Rejects where there is none. */
async function compileSandbox(config: ServiceCalloutConfig, scope: Scope): Promise<(message: Message, run: Run) => Promise<UpstreamReply>> {
  if (config.sandbox === 'mock') return await compileMock(config, scope)
  if (config.sandbox === 'refuse') {
    return async () => {
      throw noSandbox(scope, 'Choose a sandbox URL or a mock in this node.')
    }
  }
  const { sandboxUrl: url, sandboxTls: tls } = config
  const prepare = await compileRequest({ ...config, url, tls, headers: toSandboxHeaders(config.headers, config.sandboxHeaders), query: toSandboxQuery(config.query) }, scope)
  return async (message, run) => await scope.upstream.request(withJobKey(await prepare(message, run), run, scope.node.id), run)
}

/** Checks a URL whose `${NAME}`s are not known yet: each stands for some plain text. */
function checkUrl(url: string): NodeProblem | undefined {
  try {
    // A variable may hold the whole beginning of the URL.
    parseUrlTemplate(url.trim().replace(/^\$\{[^}]+\}/, /^\$\{[^}]+\}[^/]*:\/\//.test(url.trim()) ? 'https' : 'https://env.example').replace(/\$\{[^}]+\}/g, '1'))
    return undefined
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return { code: 'callout.url', property: 'url', message: error.message, remedy: 'Write https://host/path/{{payload.id}}; take a host that differs between environments from a variable: https://${API_HOST}/path.' }
  }
}

async function compileRequest(config: ServiceCalloutConfig, scope: Scope): Promise<(message: Message, run: Run) => UpstreamRequest | Promise<UpstreamRequest>> {
  const url = compileUrl(withEnv(config.url, (name) => scope.env(name)))
  const query = await compilePairs(config.query, scope)
  const headers = await compilePairs(config.headers, scope)
  const body = config.bodyFrom === 'expression' ? await compileInput(config.body, config.bodyType, scope) : undefined
  const tlsNode = config.tls === '' ? undefined : scope.configNode(config.tls)
  const tls = tlsNode && toUpstreamTls(tlsNode, (name) => scope.env(name))
  const limits = { timeoutMs: config.timeoutMs, responseLimitBytes: config.responseLimitBytes, redirects: config.redirects, ...(tls ? { tls } : {}) }
  const inputs = [...query.map(({ input }) => input), ...headers.map(({ input }) => input), ...(body ? [body] : [])]
  const anyAsync = inputs.some((input) => input.async)
  const ownNames = config.passQuery ? new Set([...query.map(({ name }) => parameterName(encodeQuery(name))), ...namesOfQuery(config.url)]) : undefined
  const ownType = headers.findIndex(({ name }) => name.toLowerCase() === 'content-type')

  function build(message: Message, values: readonly unknown[]): UpstreamRequest {
    const method = config.method === 'use' ? toMethod(message.method) : config.method
    const sent: Record<string, string | string[]> = {}
    for (const [index, { name }] of headers.entries()) addHeader(sent, name, values[query.length + index])
    const contentType = ownType === -1 ? undefined : toText(sent[headers[ownType]?.name ?? ''])
    const value = bodyOf(config.bodyFrom, method, message, body ? values.at(-1) : undefined)
    const content = toRequestBody(value, contentType)
    if (content.contentType !== undefined && !contentType) sent['content-type'] = content.contentType
    const target = addQuery(url.render(message), query, values)
    return { method, url: ownNames === undefined ? target : appendQuery(target, passedQuery(message, ownNames)), headers: sent, body: content.body, ...limits }
  }

  // Nothing depends on the message: one request for all.
  const takesBody = config.bodyFrom === 'payload' || (config.bodyFrom === 'auto' && (config.method === 'use' || hasBody(config.method)))
  if (url.constant && !takesBody && !config.passQuery && config.method !== 'use' && inputs.every((input) => input.constant)) {
    const fixed = Object.freeze(build({}, inputs.map((input) => input.evaluate({}, undefined as never))))
    return () => fixed
  }
  if (!anyAsync) return (message, run) => build(message, inputs.map((input) => input.evaluate(message, run)))
  return (message, run) => Promise.all(inputs.map((input) => input.evaluate(message, run))).then((values) => build(message, values))
}

function compileUrl(text: string): ReturnType<typeof parseUrlTemplate> {
  try {
    return parseUrlTemplate(text)
  } catch (error) {
    throw error instanceof TemplateError ? fault('config.invalid', { message: error.message }, error) : error
  }
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
