import { type Fault, fault, toFault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type Scope } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import { isSandboxCall, markSandboxAnswer } from '../../runtime/core/access/sandbox-call.ts'
import type { Sends } from '../../runtime/core/step.ts'
import { compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { ByteStream } from '../../runtime/core/http/byte-stream.ts'
import { markUpstreamHeaders } from '../../runtime/core/http/upstream-headers.ts'
import type { UpstreamReply, UpstreamRequest } from '../../runtime/core/upstream/upstream.ts'
import { compileSend } from '../shared/callouts/callout-send.ts'
import { type StreamedReply, toStreamed } from '../shared/callouts/callout-stream.ts'
import { toPlainWay } from '../shared/callouts/callout-way.ts'
import { credentialUses } from '../shared/callouts/credential-uses.ts'
import { faultWithoutSecrets, withoutSecrets } from '../shared/callouts/shown-reply.ts'
import { parseStatuses } from '../shared/callouts/statuses.ts'
import { checkCallout } from './check.ts'
import { calloutSchema, type ServiceCalloutConfig } from './config.ts'
import { compileRequest } from './request.ts'
import { labelsOfAnswer, leaksOfCallout } from './labels.ts'
import { compileMock, noSandbox, toSandboxHeaders, toSandboxQuery } from './sandbox.ts'

type Port = 'ok' | 'error' | 'timeout'

/** Faults after which nobody waits for the run any more: no port is told. */
const endings = new Set(['client.closed', 'flow.timeout', 'gateway.draining'])

/** Set on a tab, it has callouts answered by their mocks. */
const mockVariable = 'SLUICE_MOCK'

/** One HTTP call to another service, with everything that can go wrong named. */
export const serviceCallout = defineNode<ServiceCalloutConfig, Port>({
  type: 'service callout',
  category: 'callout',
  label: { en: 'service callout', 'zh-TW': '服務呼叫' },
  summary: { en: 'Calls an HTTP service and sends its answer on.', 'zh-TW': '呼叫 HTTP 服務並送出其回應。' },
  icon: 'fa-cloud-download',
  color: '#E7E7AE',
  holdsBytes: ({ responseLimitBytes, answerAs }) => (answerAs === 'stream' ? undefined : responseLimitBytes),
  outputs: ['ok', 'error', 'timeout'],
  startsLabels: ({ labels }) => labels.length > 0,
  labels: labelsOfAnswer,
  leaks: leaksOfCallout,
  sends: credentialUses,
  faults: [
    'upstream.connect', 'upstream.dns', 'upstream.tls', 'upstream.status', 'upstream.unexpected', 'upstream.timeout', 'upstream.eof', 'upstream.too_large', 'upstream.body',
    'upstream.redirects', 'upstream.url', 'upstream.header', 'upstream.breaker', 'upstream.bulkhead', 'upstream.auth', 'egress.denied', 'sandbox.none', 'step.config', 'expression.error',
  ],
  config: calloutSchema,
  // Nodes that were made when five were followed unless they said otherwise go on as they did.
  migrate: (config) => (config['redirects'] === undefined ? { ...config, redirects: 5 } : { ...config }),
  check: checkCallout,
  async compile(config, scope) {
    const expected: ReadonlySet<number> = parseStatuses(config.expectedStatus) ?? new Set<number>()
    const okWhen = config.okWhen.trim() === '' ? undefined : await compileTypedValue(config.okWhen, 'jsonata', scope)
    const mocked = isMocked(config, scope) ? await compileMock(config, scope) : undefined
    const callSandbox = mocked ?? (await compileSandbox(config, scope))
    const wired = { error: scope.isWired?.('error') ?? false, timeout: scope.isWired?.('timeout') ?? false }
    const call = mocked ?? (await compileCall(config, scope))

    function receive(message: Message, reply: UpstreamReply | StreamedReply, run: Run): Sends<Port> | Promise<Sends<Port>> {
      const shown = withoutSecrets(reply, scope.hideSecrets)
      // A transparent answer is meant for the caller, headers and all.
      const answered = { ...message, payload: reply.body, statusCode: reply.status, headers: config.transparent ? { ...shown.headers } : markUpstreamHeaders(shown.headers), responseUrl: shown.url }
      if (config.transparent) return { ok: answered }
      if (!expected.has(reply.status)) return fail(withoutStream(answered), fault('upstream.status', { host: new URL(reply.url).host, status: reply.status, expected: config.expectedStatus }))
      if (okWhen === undefined) return { ok: answered }
      const judge = (value: unknown): Sends<Port> => (value === true ? { ok: answered } : fail(withoutStream(answered), fault('upstream.unexpected', { host: new URL(reply.url).host })))
      const value = okWhen.evaluate(answered, run)
      return value instanceof Promise ? value.then(judge, (error: unknown) => fail(withoutStream(answered), toFault(error))) : judge(value)
    }

    function fail(message: Message, given: Fault): Sends<Port> {
      const reason = faultWithoutSecrets(given, scope.hideSecrets)
      const port = reason.code === 'upstream.timeout' && wired.timeout ? 'timeout' : 'error'
      if (!wired[port] || endings.has(reason.code)) throw reason
      const { code, status, title, message: text, facts } = reason
      const source = { id: scope.node.id, type: scope.node.type, ...(scope.node.name ? { name: scope.node.name } : {}) }
      return { [port]: { ...message, ...(message.error === undefined ? {} : { _error: message.error }), error: { code, status, title, message: text, facts, source } } }
    }

    return function serviceCallout(message, run) {
      let answer: Promise<UpstreamReply | StreamedReply>
      try {
        if (isSandboxCall(run, message)) {
          // Nothing of a sandbox caller gets to production, by whatever way it fails.
          markSandboxAnswer(run)
          answer = callSandbox(message, run)
        } else answer = call(message, run)
      } catch (error) {
        return fail(message, toFault(error))
      }
      return answer.then(
        (reply) => receive(message, reply, run),
        (error: unknown) => fail(message, toFault(error)),
      )
    }
  },
})

/** What failed goes on without its stream: nobody reads it. */
function withoutStream(message: Message): Message {
  if (!(message.payload instanceof ByteStream)) return message
  message.payload.discard()
  return { ...message, payload: null }
}

type Call<R = UpstreamReply> = (message: Message, run: Run) => Promise<R>

async function compileCall(config: ServiceCalloutConfig, scope: Scope): Promise<Call<UpstreamReply | StreamedReply>> {
  const sender = await compileSend(config, scope, config)
  const { url, tellBudget, ownTls } = sender
  const send: (request: UpstreamRequest, message: Message, run: Run) => Promise<UpstreamReply | StreamedReply> = config.answerAs === 'stream' ? toStreamed(sender, () => config.idleMs) : sender.send
  const prepare = await compileRequest({ ...config, url, ...(ownTls ? {} : { tls: '', http2: false }) }, scope, tellBudget)
  return (message, run) => {
    const request: UpstreamRequest | Promise<UpstreamRequest> = prepare(message, run)
    return request instanceof Promise ? request.then((ready) => send(ready, message, run)) : send(request, message, run)
  }
}

function isMocked({ mock }: ServiceCalloutConfig, scope: Scope): boolean {
  if (mock !== 'env') return mock === 'on'
  const value = scope.env(mockVariable)
  return value === true || (typeof value === 'string' && /^(?:on|true|1)$/i.test(value))
}

/** How callers of the sandbox are served. Rejects where there is none. */
async function compileSandbox(config: ServiceCalloutConfig, scope: Scope): Promise<Call> {
  if (config.sandbox === 'mock') return await compileMock(config, scope)
  if (config.sandbox === 'refuse') {
    return async () => {
      throw noSandbox(scope, 'Choose a sandbox URL or a mock in this node.')
    }
  }
  const { sandboxUrl: url, sandboxTls: tls } = config
  const prepare = await compileRequest({ ...config, url, tls, headers: toSandboxHeaders(config.headers, config.sandboxHeaders), query: toSandboxQuery(config.query), passCredentials: false }, scope)
  const { send } = toPlainWay(scope)
  return async (message, run) => await send(await prepare(message, run), message, run)
}
