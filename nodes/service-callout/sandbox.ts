import { Body } from '../../runtime/core/http/body.ts'
import { type Fault, fault, toFault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { NodeProblem, Scope } from '../../runtime/core/node.ts'
import { toText } from '../../runtime/core/values/path-template.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { UpstreamReply } from '../../runtime/core/upstream/upstream.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'
import { checkInput, compileInput } from './input.ts'
import { toRequestBody } from './request-body.ts'

/** A name and a value of the form. */
export interface Pair {
  readonly name: string
  readonly value: string
  readonly valueType: string
}

/** What the node does for callers that only try things out. */
export interface SandboxConfig {
  readonly sandbox: 'refuse' | 'url' | 'mock'
  readonly sandboxUrl: string
  readonly sandboxHeaders: readonly Pair[]
  readonly sandboxTls: string
  readonly sandboxStatus: number
  readonly sandboxBody: string
  readonly sandboxBodyType: 'json' | 'str' | 'jsonata' | 'msg'
  readonly sandboxDelayMs: number
}

/** Headers of the call that say nothing but what it speaks; every other one may be a credential of production. */
const common = new Set(['accept', 'accept-language', 'content-type'])

/** The headers of a sandbox call: its own, and of the node's those that are no secret. */
export function toSandboxHeaders(headers: readonly Pair[], own: readonly Pair[]): readonly Pair[] {
  const named = new Set(own.map(({ name }) => name.trim().toLowerCase()))
  return [...own, ...headers.filter(({ name }) => common.has(name.trim().toLowerCase()) && !named.has(name.trim().toLowerCase()))]
}

/** The parameters that go to the sandbox: a value of the environment belongs to production. */
export function toSandboxQuery(query: readonly Pair[]): readonly Pair[] {
  return query.filter((pair) => !isFromEnvironment(pair))
}

function isFromEnvironment({ value, valueType }: Pair): boolean {
  return valueType === 'env' || (valueType === 'str' && /\$\{[^}]+\}/.test(value))
}

/** The fault of a sandbox caller where there is no sandbox; `remedy` is for whoever draws the flow. */
export function noSandbox(scope: Pick<Scope, 'node'>, remedy: string): Fault {
  return fault('sandbox.none', { node: `“${scope.node.name ?? scope.node.type}”`, remedy })
}

/** What is wrong with what sandbox callers get. */
export function checkSandbox(config: SandboxConfig & { readonly query: readonly Pair[] }, checkUrl: (url: string) => NodeProblem | undefined, typeOf: (id: string) => string | undefined): (NodeProblem | undefined)[] {
  if (config.sandbox === 'mock') return config.sandboxBody.trim() === '' ? [] : [checkInput(config.sandboxBody, config.sandboxBodyType, 'sandboxBody')]
  if (config.sandbox !== 'url') return []
  const problems: (NodeProblem | undefined)[] = []
  if (config.sandboxUrl.trim() === '') {
    problems.push({ code: 'callout.no_url', property: 'sandboxUrl', message: 'The service callout has no URL for its sandbox.', remedy: 'Enter the address of the sandbox, or choose “mock” or “refuse”.' })
  } else {
    const problem = checkUrl(config.sandboxUrl)
    if (problem) problems.push({ ...problem, property: 'sandboxUrl' })
  }
  if (config.sandboxTls !== '' && typeOf(config.sandboxTls) !== 'tls-config') {
    problems.push({ code: 'config.missing', property: 'sandboxTls', message: 'The TLS configuration of the sandbox does not exist.', remedy: 'Choose another one, or none.' })
  }
  for (const pair of config.query) {
    if (pair.name.trim() === '' || !isFromEnvironment(pair)) continue
    problems.push({
      severity: 'warning', code: 'sandbox.query', property: 'query',
      message: `The parameter “${pair.name}” comes from the environment and is not sent to the sandbox: it may be a secret of production.`, remedy: 'Write what the sandbox needs into its URL: ?key=${SANDBOX_KEY}.',
    })
  }
  return problems
}

/** An answer that is played: nothing leaves the gateway. A delay as long as the call's timeout plays a service that is too slow. */
export async function compileMock(config: SandboxConfig & { readonly timeoutMs: number }, scope: Scope): Promise<(message: Message, run: Run) => Promise<UpstreamReply>> {
  const headers = await Promise.all(config.sandboxHeaders.filter(({ name }) => name.trim() !== '').map(async ({ name, value, valueType }) => ({ name: name.trim().toLowerCase(), input: await compileInput(value, valueType, scope) })))
  const body = config.sandboxBody.trim() === '' ? undefined : await compileInput(config.sandboxBody, config.sandboxBodyType, scope)
  return async function mock(message, run) {
    if (config.sandboxDelayMs > 0) await delay(Math.min(config.sandboxDelayMs, config.timeoutMs), scope, run)
    if (config.sandboxDelayMs >= config.timeoutMs) throw fault('upstream.timeout', { host: 'sandbox', afterMs: config.timeoutMs })
    const sent: Record<string, string> = {}
    for (const { name, input } of headers) {
      const value = await input.evaluate(message, run)
      if (value !== undefined && value !== null) sent[name] = toText(value)
    }
    const value = body && (await body.evaluate(message, run))
    // JSON stays JSON, also when it is one text or one number.
    const { body: content, contentType } = body && config.sandboxBodyType === 'json' ? { body: JSON.stringify(value), contentType: 'application/json' } : toRequestBody(value, sent['content-type'])
    if (contentType !== undefined) sent['content-type'] ??= contentType
    return { status: config.sandboxStatus, headers: sent, body: toBody(content ?? '', sent['content-type']), url: 'http://sandbox/', redirects: [] }
  }
}

function toBody(content: Buffer | string, contentType: string | undefined): Body {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  if (contentType !== undefined && /^application\/(?:[\w.-]+\+)?json\b/i.test(contentType)) return Body.ofJsonBytes(bytes, contentType)
  return Body.ofBytes(bytes, contentType, (raw) => (contentType === undefined || /^text\//i.test(contentType) ? raw.toString('utf8') : raw))
}

function delay(ms: number, { clock }: Pick<Scope, 'clock'>, run: Run): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopListening = () => {} // an aborted run calls back before it is set
    const stopTimer = clock.setTimer(() => {
      stopListening()
      resolve()
    }, ms)
    stopListening = whenAborted(run, (reason) => {
      stopTimer()
      reject(toFault(reason))
    })
  })
}
