import { ByteStream } from '../../runtime/core/http/byte-stream.ts'
import { fault } from '../../runtime/core/fault.ts'
import { isHeaderName } from '../../runtime/core/http/header-name.ts'
import { methodsWithoutBody } from '../../runtime/core/http/methods.ts'
import { labelsOfTemplate } from '../../runtime/core/labels/of-value.ts'
import type { Message } from '../../runtime/core/message.ts'
import { type CheckFacts, defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { parsePathTemplate, TemplateError } from '../../runtime/core/values/path-template.ts'
import type { Run } from '../../runtime/core/run.ts'
import { isSandboxCall, markSandboxAnswer } from '../../runtime/core/access/sandbox-call.ts'
import type { Step } from '../../runtime/core/step.ts'
import type { UrlTemplate } from '../../runtime/core/upstream/url-template.ts'
import { asksForWebSocket } from '../../runtime/core/http/web-socket.ts'
import { compileSend } from '../shared/callouts/callout-send.ts'
import { compileUrl, upstreamOrigin, whyNoUrl, withoutEnv } from '../shared/callouts/callout-url.ts'
import { type OpenStream, type OpenTunnel, toPlainWay, type Way } from '../shared/callouts/callout-way.ts'
import { credentialUses } from '../shared/callouts/credential-uses.ts'
import { openTls } from '../shared/callouts/open-tls.ts'
import { namesOfQuery, passedQuery } from '../shared/callouts/passed-query.ts'
import { withEnv } from '../shared/with-env.ts'
import { toForwarded } from './to-forwarded.ts'

interface SetHeader {
  readonly name: string
  readonly value: string
}

export interface PassThroughConfig {
  readonly url: string
  readonly headers: readonly SetHeader[]
  readonly withhold: readonly string[]
  readonly timeoutMs: number
  readonly idleMs: number
  readonly webSockets: boolean
  readonly tls: string
  readonly sandboxUrl: string
  /** Id of an upstream; the URL is then a path. */
  readonly upstream: string
}

/** What gateways are asked for by callers, and no upstream is to learn. */
const credentials = ['Authorization', 'Proxy-Authorization', 'Cookie', 'X-Api-Key']

/** Answers with what an upstream answers, as it comes: both bodies pass at constant memory. */
export const passThrough = defineNode<PassThroughConfig, never>({
  type: 'pass through',
  category: 'reply',
  label: { en: 'pass through', 'zh-TW': '直通' },
  summary: {
    en: 'Answers with what an upstream answers, as it comes: files of any size, event streams, parts of a file.',
    'zh-TW': '將上游的回應邊收邊轉給呼叫端：任何大小的檔案、事件串流、檔案的一部分。',
  },
  icon: 'fa-exchange',
  outputs: [],
  leaks: ({ url, headers }, input) => [
    { to: 'callout', what: 'the URL', property: 'url', labels: labelsOfTemplate(url, input) },
    { to: 'callout', what: 'the request, as it came', labels: input.at(['payload']).and(input.at(['req']).anywhere) },
    ...headers.map(({ value }) => ({ to: 'callout' as const, what: 'a header', property: 'headers', labels: labelsOfTemplate(value, input) })),
  ],
  sends: ({ upstream }, facts) => credentialUses({ upstream, url: '', auth: '' }, facts),
  replies: true,
  faults: ['body.taken', 'egress.denied', 'flow.already_replied', 'sandbox.none', 'step.config', 'upstream.auth', 'upstream.breaker', 'upstream.bulkhead', 'upstream.connect', 'upstream.dns', 'upstream.eof', 'upstream.timeout', 'upstream.tls', 'upstream.upgrade', 'upstream.url'],
  config: {
    type: 'object',
    properties: {
      upstream: {
        type: 'string', default: '', 'x-config': 'upstream', title: 'Upstream', description: 'A service by name, with its servers, credentials, and how calls stand up when they fail. The URL is then a path: /reports/{{+req.params["*"]}}.',
        'x-form': { 'zh-TW': { title: '上游服務', description: '具名的服務，含其伺服器、憑證與故障處理。此時網址只寫路徑：/reports/{{+req.params["*"]}}。' } },
      },
      url: {
        type: 'string', default: '', title: 'URL', 'x-form': { control: 'template', 'zh-TW': { title: 'URL', description: 'https://files.example.org/{{+req.params["*"]}}。主機為固定文字或取自環境變數：${FILES_HOST}。呼叫者的查詢參數會一併送出。' } },
        description: 'https://files.example.org/{{+req.params["*"]}}. The host is literal or from the environment: ${FILES_HOST}. The caller’s query goes along.',
      },
      headers: {
        type: 'array', default: [], title: 'Headers to set', description: 'In the place of what the caller sent under these names. Text may hold {{client.application}} or ${NAME}.',
        'x-form': { 'zh-TW': { title: '設定標頭', description: '取代呼叫者送來的同名標頭。可用 {{client.application}} 或 ${NAME}。' } },
        items: {
          type: 'object',
          properties: {
            name: { type: 'string', default: '', title: 'Name', 'x-form': { 'zh-TW': { title: '名稱' } } },
            value: { type: 'string', default: '', title: 'Value', 'x-form': { 'zh-TW': { title: '值' } } },
          },
          required: ['name'],
        },
      },
      withhold: {
        type: 'array', items: { type: 'string' }, default: credentials, title: 'Headers withheld',
        'x-form': { control: 'list', 'zh-TW': { title: '不轉送的標頭', description: '呼叫者送來但上游不應得知的標頭：預設為給閘道的憑證。' } },
        description: 'Of the caller’s, those that the upstream is not to learn: credentials that are meant for the gateway, unless you take them off.',
      },
      timeoutMs: { type: 'integer', minimum: 1, default: 10_000, title: 'Timeout (ms)', description: 'Until the answer begins; the deadline of the run applies as well.', 'x-form': { 'zh-TW': { title: '逾時（毫秒）', description: '到回應開始為止；執行期限同樣適用。' } } },
      idleMs: { type: 'integer', minimum: 100, default: 60_000, title: 'Longest silence (ms)', description: 'Once the answer has begun it may take as long as it takes, but not be silent for longer.', 'x-form': { 'zh-TW': { title: '最長靜默（毫秒）', description: '回應開始後不限總時間，但不可靜默超過此值。' } } },
      webSockets: { type: 'boolean', default: false, title: 'WebSockets', description: 'Callers may open WebSockets to the upstream: limits and rights are looked at when they open one, not for what passes.', 'x-form': { 'zh-TW': { title: 'WebSocket', description: '允許呼叫者與上游建立 WebSocket：只在建立時檢查權限與限制，之後不檢視內容。' } } },
      tls: { type: 'string', default: '', 'x-config': 'tls-config', title: 'TLS', description: 'Client certificate and trusted authorities.', 'x-form': { when: { upstream: [''] }, 'zh-TW': { title: 'TLS', description: '用戶端憑證與信任的憑證機構。' } } },
      sandboxUrl: {
        type: 'string', default: '', title: 'Sandbox URL', description: 'For callers with a sandbox credential, who never get to the URL above; empty: they are refused (501).',
        'x-form': { control: 'template', 'zh-TW': { title: '沙箱網址', description: '給持沙箱憑證的呼叫者，他們絕不會連到上面的網址；留空則拒絕（501）。' } },
      },
    },
  },
  check(config, facts) {
    const problems: (NodeProblem | undefined)[] = [
      ...checkUpstream(config, facts),
      config.upstream !== '' ? checkUrl(upstreamOrigin + config.url.trim(), 'url') : config.url.trim() === '' ? { code: 'callout.no_url', property: 'url', message: 'The pass through has no URL.', remedy: 'Open the node and enter the address whose answers are passed on.' } : checkUrl(config.url, 'url'),
      config.sandboxUrl.trim() === '' ? undefined : checkUrl(config.sandboxUrl, 'sandboxUrl'),
    ]
    for (const { name, value } of config.headers) {
      if (name.trim() === '') continue
      if (!isHeaderName(name.trim())) problems.push({ code: 'header.name', property: 'headers', message: `“${name}” is not a header name.`, remedy: 'Use letters, digits and hyphens.' })
      try {
        parsePathTemplate(withoutEnv(value))
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error
        problems.push({ code: 'template.syntax', property: 'headers', message: error.message, remedy: 'Write text that may hold {{payload.x}}.' })
      }
    }
    if (config.tls !== '' && facts.typeOf(config.tls) !== 'tls-config') problems.push({ code: 'config.missing', property: 'tls', message: 'The TLS configuration that the pass through refers to does not exist.', remedy: 'Choose another one, or none.' })
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope): Promise<Step<never>> {
    const plain = toStreaming(toPlainWay(scope))
    const named = config.upstream === '' ? undefined : await compileSend({ upstream: config.upstream, url: config.url, auth: '', tellBudget: 'auto', resilience: 'upstream' }, scope)
    const way = named ? toStreaming(named) : plain
    const place = compileUrl(named?.url ?? config.url, scope)
    const sandboxUrl = config.sandboxUrl.trim() === '' ? undefined : compileUrl(config.sandboxUrl, scope)
    const set = config.headers.filter(({ name }) => name.trim() !== '').map(({ name, value }) => ({ name: name.trim(), template: parsePathTemplate(withEnv(value, (key) => scope.env(key))) }))
    const withheld = new Set(config.withhold.map((name) => name.trim().toLowerCase()))
    const tls = openTls(config.tls, scope)

    function targetOf(message: Message, run: Run): UrlTemplate {
      if (!isSandboxCall(run, message)) return place
      markSandboxAnswer(run)
      if (!sandboxUrl) throw fault('sandbox.none', { node: `“${scope.node.name ?? scope.node.type}”`, remedy: 'Enter a sandbox URL in this node.' })
      return sandboxUrl
    }

    return async function passThrough(message, run) {
      const { request } = run
      if (!request) throw fault('step.config', { message: 'A pass through answers requests; this message came from none.' })
      const chosen = targetOf(message, run)
      const target = chosen.render(message)
      const headers = toForwarded(request, withheld)
      for (const { name, template } of set) {
        for (const one of Object.keys(headers)) if (one.toLowerCase() === name.toLowerCase()) delete headers[one]
        headers[name] = template.render(message)
      }
      const query = passedQuery(request.url, new Set(namesOfQuery(target)))
      const url = query === '' ? target : `${target}${target.includes('?') ? '&' : '?'}${query}`
      // Callers of the sandbox never get to the upstream.
      const { openStream, openTunnel } = chosen === place ? way : plain
      const asked = { url, headers, timeoutMs: config.timeoutMs, idleMs: config.idleMs, ...(tls && !named ? { tls } : {}), ...(chosen === place && named?.tellBudget ? { tellBudget: true } : {}) }
      const body = methodsWithoutBody.has(request.method) ? undefined : bodyOf(message, request.wireBody)
      const answer = config.webSockets && asksForWebSocket(request) ? await openTunnel(asked, message, run) : await openStream({ ...asked, method: request.method, body }, message, run)
      const payload = 'tunnel' in answer ? answer.tunnel : answer.body
      // Whoever does not take it in the end lets go of it.
      run.onEnd?.(() => payload.discard())
      run.reply({ statusCode: answer.status, headers: answer.headers, payload })
      return undefined
    }
  },
})

/** @throws Fault `config.invalid` where nothing can be passed while it comes */
function toStreaming({ openStream, openTunnel }: Way): { readonly openStream: OpenStream; readonly openTunnel: OpenTunnel } {
  if (!openStream || !openTunnel) throw fault('config.invalid', { message: 'Streams cannot be passed through here.' })
  return { openStream, openTunnel }
}

/** The body as the caller sent it; what the flow made of the payload is not looked at. */
function bodyOf(message: Message, wireBody: Buffer | undefined): ByteStream | Buffer | undefined {
  return message.payload instanceof ByteStream ? message.payload : wireBody
}

function checkUpstream({ upstream, url }: PassThroughConfig, facts: Pick<CheckFacts, 'typeOf'>): NodeProblem[] {
  if (upstream === '') return []
  const problems: NodeProblem[] = []
  if (facts.typeOf(upstream) !== 'upstream') problems.push({ code: 'config.missing', property: 'upstream', message: 'The upstream that the pass through names does not exist.', remedy: 'Choose another one, or make it.' })
  if (!url.trim().startsWith('/')) problems.push({ code: 'callout.path', property: 'url', message: 'The pass through has an upstream, so its URL is a path.', remedy: 'Write the path only, such as /reports/{{+req.params["*"]}}; the host is one of the upstream’s targets.' })
  return problems
}

function checkUrl(url: string, property: string): NodeProblem | undefined {
  const message = whyNoUrl(url)
  return message === undefined ? undefined : { code: 'callout.url', property, message, remedy: 'Write https://host/path/{{+req.params["*"]}}; take a host that differs between environments from a variable: https://${FILES_HOST}/path.' }
}
