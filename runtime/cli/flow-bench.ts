import { isUtf8 } from 'node:buffer'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { definitions } from '../../nodes/index.ts'
import { notYet } from '../../nodes/not-yet.ts'
import { toRevisions } from '../compile/check.ts'
import { sha256 } from '../compile/hash.ts'
import type { CaseResult } from '../core/cases.ts'
import type { MessageClient } from '../core/access/clients.ts'
import { systemClock } from '../core/time/clock.ts'
import type { EditorNode, Problem } from '../core/flow.ts'
import { silentLog } from '../core/log.ts'
import type { NodeDefinition } from '../core/node.ts'
import type { Run } from '../core/run.ts'
import { SentTo } from '../core/step.ts'
import { createGateway } from '../gateway.ts'
import { createSandbox } from '../sandbox/sandbox.ts'
import { environmentFor, loadSettings, type Settings } from '../settings.ts'
import { openLog } from '../telemetry/log.ts'
import { createPlayedSecrets } from '../vault/secrets.ts'
import { differences, type FlowCase } from './flow-cases.ts'
import { CommandFailed } from './outcome.ts'
import { inPieces, toBytes } from './played-bodies.ts'
import { createPlayedUpstream } from './played-upstream.ts'
import { createPlayedVault } from './played-vault.ts'
import { printProblems } from './print-problems.ts'
import { readFlowFile } from './read-flows.ts'

/** Where sample flows find their upstream in a test: nobody can answer there but the case. */
export const playedSampleUrl = 'http://sample-upstream.test'

/** A whole gateway without ports, running some flows; callouts go to what each case plays. */
export interface FlowBench {
  /** Runs a case; what it gives back is what was not as promised. */
  run(one: FlowCase): Promise<string[]>
  /** The same, with the answer and the way through the flow. */
  runWhole(one: FlowCase): Promise<CaseResult>
  close(): Promise<void>
}

/**
 * With `sampleUrl` callouts go over the network, to a sample upstream that runs there.
 * @throws CommandFailed with the compiler's problems when the flows are not fit to deploy
 */
export async function openFlowBench(files: readonly string[], options: { readonly sampleUrl?: string } = {}): Promise<FlowBench> {
  const nodes = (await Promise.all(files.map(readFlowFile))).flat()
  const given = loadSettings()
  const { sampleUrl } = options
  const env = { SAMPLE_UPSTREAM: playedSampleUrl, ...given.flowEnvironment, ...(sampleUrl ? { SAMPLE_UPSTREAM: sampleUrl } : {}) }
  const settings = { ...loadSettings({ env: environmentFor('gateway', given) }), egressAllow: sampleUrl ? [new URL(sampleUrl).host] : [], flowEnv: Object.keys(env), flowEnvironment: env }
  const bench = await openNodesBench(nodes, { settings, folder: tmpdir(), overNetwork: sampleUrl !== undefined })
  if ('runWhole' in bench) return bench
  throw new CommandFailed(`${files.join(', ')} cannot be deployed:\n${printProblems(bench, nodes)}`, { problems: bench })
}

export interface NodesBenchOptions {
  readonly settings: Settings
  /** Where a folder of its own is made for it, and removed afterwards. */
  readonly folder: string
  /** Callouts go out instead of to what cases play. */
  readonly overNetwork?: boolean
}

/** A bench for the nodes of an estate, or the problems for which they are not fit to deploy. */
export async function openNodesBench(nodes: readonly EditorNode[], { settings, folder, overNetwork = false }: NodesBenchOptions): Promise<FlowBench | readonly Problem[]> {
  // Cases count by themselves, never in the counters of real callers, and keep nothing.
  const { redisUrl: _shared, tlsCertFile: _cert, tlsKeyFile: _key, otlpUrl: _collector, ...alone } = settings
  const own = await mkdtemp(join(folder, 'sluice-test-'))
  const upstream = createPlayedUpstream()
  const failed: string[] = []
  const log = openLog({ level: 'warn', format: 'json', write: (text) => void failed.push(...text.split('\n').filter(Boolean)) })
  const called: { caller?: FlowCase['caller'] } = {}
  const gateway = await createGateway({ ...alone, admission: 'off', traceSample: '100', tracePayloads: 'none' }, {
    definitions: definitions.map((one) => letCallersIn(one, called)), notYet, log, folder: own, inner: true, secrets: createPlayedSecrets(), vault: createPlayedVault(), ...(overNetwork ? {} : { upstream }),
  })
  const close = async () => {
    await gateway.close()
    await rm(own, { recursive: true, force: true })
  }
  try {
    const revisions = toRevisions(nodes)
    const flows = revisions.map(({ hash, document }) => ({ id: document.id, revision: hash }))
    const manifest = { id: 1, createdAt: new Date().toISOString(), flows, hash: sha256(JSON.stringify(flows)), credentialsHash: '' }
    const prepared = await gateway.deployer.prepare({ manifest, revisions, credentials: {} })
    if (!prepared.ok) {
      await close()
      return prepared.problems
    }
    gateway.deployer.commit(prepared.prepared)
  } catch (thrown) {
    await close()
    throw thrown
  }

  async function runWhole(one: FlowCase): Promise<CaseResult> {
    const startedAt = performance.now()
    upstream.play(one.upstreams ?? [])
    failed.length = 0
    called.caller = one.caller
    const { headers = {}, method = 'GET', url } = one.request
    const { payload, headers: ofPayload } = toPayload(one.request)
    const before = gateway.tracing.list({ limit: 1 })[0]?.id
    const reply = await gateway.front.inject({
      method: method as 'GET',
      url: toTarget(url),
      headers: { ...ofPayload, ...headers },
      ...(payload === undefined ? {} : { payload }),
    })
    const bytes = reply.rawPayload
    const failures = await compare(one, { status: reply.statusCode, headers: reply.headers, text: reply.body, bytes })
    failures.push(...upstream.failures)
    log.flush()
    if (failures.length > 0) failures.push(...failed.map((line) => `log: ${line}`))
    const newest = gateway.tracing.list({ limit: 1 })[0]?.id
    const record = newest === undefined || newest === before ? undefined : gateway.tracing.get(newest)
    return {
      name: one.name, ok: failures.length === 0, failures, tookMs: Math.round(performance.now() - startedAt),
      answer: { status: reply.statusCode, headers: texts(reply.headers), ...(isUtf8(bytes) ? { text: reply.body } : { text: '', base64: bytes.toString('base64') }) },
      ...(record ? { record } : {}),
    }
  }

  return { run: async (one) => [...(await runWhole(one)).failures], runWhole, close }
}

/** A node that knows callers, which believes a case that says who calls. */
function letCallersIn(definition: NodeDefinition, called: { readonly caller?: FlowCase['caller'] }): NodeDefinition {
  if (definition.protects !== true || !definition.compile) return definition
  const { compile } = definition
  return {
    ...definition,
    async compile(config, scope) {
      const step = await compile(config, scope)
      return (message, run) => {
        if (called.caller === undefined) return step(message, run)
        if (called.caller.client) run.noteCaller?.(called.caller.client as MessageClient)
        return new SentTo(0, { ...message, ...called.caller })
      }
    },
  }
}

/** The body of a case's request, and what is said of it unless the case does. */
function toPayload({ body, base64, headers = {}, streamed = false }: FlowCase['request']): { readonly payload?: string | Buffer | Readable; readonly headers?: Readonly<Record<string, string>> } {
  if (body === undefined && base64 === undefined) return {}
  const said = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1]
  const whole = base64 === undefined ? (typeof body === 'string' ? body : toBytes(body, said ?? 'application/json')) : Buffer.from(base64, 'base64')
  const type: Record<string, string> = base64 === undefined && typeof body !== 'string' ? { 'content-type': 'application/json' } : {}
  if (!streamed) return { payload: whole, headers: type }
  return { payload: Readable.from(inPieces(Buffer.from(whole), undefined), { objectMode: false }), headers: { ...type, 'transfer-encoding': 'chunked' } }
}

/** Cases may be written with readable text in their URL; what is encoded already stays as it is. */
function toTarget(url: string): string {
  return url.replaceAll(/[^\x21-\x7e]+|["<>\\^`{|}]/gu, encodeURIComponent).replaceAll(/%(?![\da-f]{2})/gi, '%25')
}

function texts(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])))
}

interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
  readonly bytes: Buffer
}

async function compare({ expect }: FlowCase, reply: Reply): Promise<string[]> {
  const failures: string[] = []
  if (reply.status !== expect.status) failures.push(`status: expected ${expect.status}, got ${reply.status} ${reply.text.slice(0, 300)}`)
  for (const [name, value] of Object.entries(expect.headers ?? {})) {
    const got = reply.headers[name.toLowerCase()]
    if (String(got) !== value) failures.push(`header ${name}: expected “${value}”, got ${got === undefined ? 'none' : `“${JSON.stringify(got).replace(/^"|"$/g, '')}”`}`)
  }
  if (expect.text !== undefined && reply.text !== expect.text) failures.push(`body: expected “${expect.text.slice(0, 200)}”, got “${reply.text.slice(0, 200)}”`)
  if (expect.base64 !== undefined && reply.bytes.toString('base64') !== expect.base64) failures.push(`body: expected ${Buffer.byteLength(expect.base64, 'base64')} bytes, got ${reply.bytes.length} bytes that differ`)
  if (expect.json === undefined && expect.jsonata === undefined) return failures
  let body: unknown
  try {
    body = JSON.parse(reply.text)
  } catch {
    return [...failures, `body: expected JSON, got “${reply.text.slice(0, 200)}”`]
  }
  if (expect.json !== undefined) failures.push(...differences(expect.json, body))
  const expressions = typeof expect.jsonata === 'string' ? [expect.jsonata] : (expect.jsonata ?? [])
  if (expressions.length > 0) failures.push(...(await compareExpressions(expressions, { status: reply.status, headers: reply.headers, body })))
  return failures
}

async function compareExpressions(expressions: readonly string[], document: object): Promise<string[]> {
  const sandbox = createSandbox({ log: silentLog, clock: systemClock })
  const nothing = { get: () => undefined, set() {}, keys: () => [], delete() {}, increment: () => 0, remember: () => () => {} }
  const run = { id: 'case', signal: new AbortController().signal, deadline: Date.now() + 10_000, log: silentLog, context: nothing } as unknown as Run
  const failures: string[] = []
  try {
    for (const [index, text] of expressions.entries()) {
      const evaluate = await sandbox.jsonataOf(text, { owner: 'cases', id: `case-${index}`, env: () => undefined, contexts: { node: nothing, flow: nothing, global: nothing } })
      let value = await evaluate(document, run)
      if (value !== null && typeof value === 'object' && 'value' in value && typeof value.value === 'function') value = (value.value as () => unknown)()
      if (value !== true) failures.push(`expected ${text} to be true, got ${JSON.stringify(value)}`)
    }
  } catch (thrown) {
    failures.push(`an expectation could not be evaluated: ${(thrown as Error).message}`)
  } finally {
    await sandbox.close()
  }
  return failures
}
