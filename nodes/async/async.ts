import type { ClientEnvironment } from '../../runtime/core/access/clients.ts'
import { fault } from '../../runtime/core/fault.ts'
import { fromKept, toKept } from '../../runtime/core/jobs/job-message.ts'
import type { Attempt, AttemptEnd, JobFacts } from '../../runtime/core/jobs/jobs.ts'
import { unchanged } from '../../runtime/core/labels/labels.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import type { Line, Place } from '../../runtime/core/lines/lines.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem, type Scope } from '../../runtime/core/node.ts'
import { PassesOnce } from '../../runtime/core/http/passes-once.ts'
import type { Priority } from '../../runtime/core/lines/priority.ts'
import type { Run } from '../../runtime/core/run.ts'
import { isSandboxCall } from '../../runtime/core/access/sandbox-call.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { toAttemptEnd } from '../shared/jobs/attempt-end.ts'
import { jobOwner } from '../shared/jobs/job-owner.ts'
import { after } from '../shared/limits/limit-inputs.ts'
import { openResource } from '../shared/lines/open-resource.ts'
import { checkPriority, createPriorityReader, prioritySchema, type PriorityConfig } from '../shared/lines/priority-input.ts'
import { toRunJob } from '../shared/jobs/run-job.ts'
import { toReplay, type StoredAnswer } from '../shared/caches/stored-answer.ts'
import { callbackAttempts, callbackBackoffMostMs, callbackBackoffMs, createCallback, type CallbackBody } from './callback.ts'

export interface AsyncConfig extends PriorityConfig {
  readonly statusPath: string
  readonly inlineMs: number
  readonly attempts: number
  readonly backoffMs: number
  readonly backoffMostMs: number
  readonly timeoutMs: number
  readonly atOnce: number
  readonly resource: string
  readonly maxPending: number
  readonly ttlSeconds: number
  readonly keepSeconds: number
  readonly callback: string
  readonly callbackType: 'str' | 'msg' | 'jsonata' | 'env'
}

/** What a job is given. */
interface Given {
  readonly message: unknown
  readonly environment?: ClientEnvironment
  readonly callback?: string
  readonly priority: Priority
}

const secondMs = 1000
/** A run at its end must still be able to say that the work goes on. */
const answerMs = 100

/** Answers now and works later: what stands behind it is done by a run of its own that no crash loses. */
export const asyncNode = defineNode<AsyncConfig, 'work'>({
  type: 'async',
  category: 'reply',
  label: { en: 'async', 'zh-TW': '非同步' },
  summary: { en: 'Answers 202 at once and does what stands behind it later, at least once.', 'zh-TW': '立即回應 202，稍後才執行其後的節點，至少執行一次。' },
  icon: 'fa-clock-o',
  outputs: ['work'],
  leaks: ({ callback, callbackType }, input) => [
    // What a job is given is kept encrypted; the answer says of the message its cookies alone.
    { to: 'answer', what: 'cookies', labels: input.at(['cookies']) },
    { to: 'callout', what: 'the callback', property: 'callback', labels: labelsOfValue(callback, callbackType, input) },
  ],
  labels: unchanged,
  replies: true,
  credentials: { callbackSecret: 'password' },
  faults: ['job.unavailable', 'job.unsafe', 'job.no_key', 'job.full', 'job.too_large', 'job.status', 'job.callback', 'job.cancelled', 'queue.priority', 'expression.error', 'step.config'],
  config: {
    type: 'object',
    'x-credentials': { callbackSecret: { label: { en: 'Callback secret', 'zh-TW': '回呼密鑰' }, hint: { en: 'Callbacks are signed with it.', 'zh-TW': '用於簽署回呼。' } } },
    properties: {
      statusPath: { type: 'string', default: '/jobs', title: 'Path of the jobs', description: 'Where a job status node answers, without the id: Location is this path and the id. Empty: no Location.' },
      inlineMs: { type: 'integer', minimum: 0, maximum: 60_000, default: 0, title: 'Answer inline within', description: 'Milliseconds the caller waits: what is done by then is answered as if nothing were async. 0: always 202.' },
      attempts: { type: 'integer', minimum: 1, maximum: 100, default: 5, title: 'Attempts', description: 'In all. What fails to the end is a dead letter.' },
      backoffMs: { type: 'integer', minimum: 0, maximum: 3_600_000, default: 1000, title: 'First pause', description: 'Milliseconds after the first attempt; it doubles, and varies by chance.' },
      backoffMostMs: { type: 'integer', minimum: 0, maximum: 86_400_000, default: 60_000, title: 'Longest pause', description: 'Milliseconds.' },
      timeoutMs: { type: 'integer', minimum: 1, maximum: 86_400_000, default: 300_000, title: 'Longest attempt', description: 'Milliseconds; the deadline of the run that works.' },
      atOnce: { type: 'integer', minimum: 1, maximum: 1000, default: 10, title: 'At once', description: 'Attempts under way in one gateway.' },
      resource: { type: 'string', default: '', 'x-config': 'resource', title: 'Resource', description: 'An attempt waits for a slot of it, as a call in a priority queue does. None: only “At once” counts.' },
      ...prioritySchema,
      maxPending: { type: 'integer', minimum: 1, maximum: 10_000_000, default: 10_000, title: 'Most that wait', description: 'Further ones are refused with 503.' },
      ttlSeconds: { type: 'integer', minimum: 1, maximum: 31_536_000, default: 86_400, title: 'Begin within', description: 'Seconds; a job that was not begun by then expires.' },
      keepSeconds: { type: 'integer', minimum: 1, maximum: 31_536_000, default: 86_400, title: 'Keep the outcome for', description: 'Seconds.' },
      callback: { type: 'string', default: '', title: 'Callback', description: 'URL that is told of the end by POST, tried 9 times. The egress policy applies.' },
      callbackType: { enum: ['str', 'msg', 'jsonata', 'env'], default: 'str', title: 'Callback from' },
    },
  },
  check(config, facts) {
    const problems: (NodeProblem | undefined)[] = []
    const path = config.statusPath.trim()
    if (path !== '' && !/^\/[^\s?#:*]*$/.test(path)) problems.push({ code: 'async.path', property: 'statusPath', message: `“${config.statusPath}” is no path that an id can be put behind.`, remedy: 'Write it like /orders/jobs, and answer /orders/jobs/* with http in and job status.' })
    if (config.resource !== '' && facts.typeOf(config.resource) !== 'resource') problems.push({ code: 'config.missing', property: 'resource', message: 'The resource that the async node names does not exist.', remedy: 'Choose another one, or none.' })
    problems.push(...checkPriority(config))
    if (config.callback.trim() !== '') problems.push(config.callbackType === 'str' ? checkCallback(config.callback) : checkTypedValue(config.callback, config.callbackType, 'callback'))
    if (config.backoffMostMs < config.backoffMs) problems.push({ code: 'async.backoff', property: 'backoffMostMs', message: 'The longest pause is shorter than the first.', remedy: 'Enter a longer one.' })
    return problems.filter((problem) => problem !== undefined)
  },
  entry: ({ timeoutMs }) => ({ on: 'job', deadlineMs: timeoutMs }),
  async compile(config, scope) {
    const { flow, revision } = scope.node
    const work = { flow, node: scope.node.id }
    const told = { ...work, part: 'callback' }
    const statusPath = config.statusPath.trim().replace(/\/$/, '')
    const priorityOf = await createPriorityReader(config, scope)
    const callback = config.callback.trim() === '' ? undefined : await compileTypedValue(config.callback.trim(), config.callbackType, scope)
    if (callback?.constant) checkEgress(scope, String(callback.value ?? ''))
    const line = openLine(config, scope)
    const secret = scope.credentials['callbackSecret']

    scope.whenLive(() => {
      const closes = [scope.jobs.open({ ...work, revision, atOnce: config.atOnce }, perform)]
      if (callback) closes.push(scope.jobs.open({ ...told, revision, atOnce: config.atOnce }, createCallback(scope, typeof secret === 'string' && secret !== '' ? secret : undefined)))
      scope.onRetire(() => closes.forEach((close) => close()))
    })

    async function accept(message: Message, run: Run, priority: Priority): Promise<undefined> {
      if (message.payload instanceof PassesOnce) throw fault('step.config', { message: 'A body that passes as a stream cannot be kept for later. Switch “Body as a stream” off in the http in node.' })
      const wanted = callback && (await callback.evaluate(message, run))
      const given: Given = { message: toKept(message), priority, ...(isSandboxCall(run, message) ? { environment: 'sandbox' as const } : run.environment ? { environment: run.environment } : {}), ...(wanted === undefined || wanted === null || wanted === '' ? {} : { callback: toCallbackUrl(wanted) }) }
      const facts = await scope.jobs.accept({
        work, revision: run.revision, body: given, owner: jobOwner(message), priority,
        attempts: config.attempts, backoffMs: config.backoffMs, backoffMostMs: config.backoffMostMs,
        ttlMs: config.ttlSeconds * secondMs, keepMs: config.keepSeconds * secondMs, maxPending: config.maxPending,
      })
      if (run.request === undefined || run.replied) return undefined
      const waitMs = Math.min(config.inlineMs, run.deadline - scope.clock.now() - answerMs)
      const ended = waitMs > 0 ? await scope.jobs.settled(facts.id, waitMs).catch(() => undefined) : undefined
      if (!run.replied) run.reply(ended?.state === 'done' ? await toInline(message, ended) : toAccepted(message, facts))
      return undefined
    }

    async function toInline(message: Message, facts: JobFacts): Promise<Message> {
      const result = await scope.jobs.result(facts.id).catch(() => undefined)
      return result === undefined ? { ...message, statusCode: 204, headers: {}, payload: undefined } : withoutMark(toReplay(message, result as StoredAnswer))
    }

    function toAccepted(message: Message, { id }: JobFacts): Message {
      const at = statusPath === '' ? undefined : `${statusPath}/${id}`
      return {
        ...message,
        statusCode: 202,
        headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', 'Retry-After': '2', ...(at === undefined ? {} : { Location: at }) },
        payload: { id, state: 'pending', ...(at === undefined ? {} : { status: at, result: `${at}/result` }) },
      }
    }

    async function perform(attempt: Attempt): Promise<AttemptEnd> {
      const { facts, last } = attempt
      const given = attempt.body as Given
      const place = line && (await enter(line, given.priority, attempt))
      if (place === 'cancelled') return { kind: 'done' }
      if (place && place.state !== 'admitted') return { kind: 'again', afterMs: Math.max(secondMs, Math.min(60_000, place.retryAfterMs)) }
      try {
        const job = toRunJob({ id: facts.id, attempt: facts.attempt, progress: (progress) => attempt.progress(progress) })
        const message: Message = { ...fromKept(given.message), job: { id: facts.id, attempt: facts.attempt, key: job.key } }
        const running = scope.runWork({ on: 'job', port: 'work', message, limitMs: config.timeoutMs, job, environment: given.environment })
        const end = await toAttemptEnd(running, attempt)
        if (given.callback !== undefined && (end.kind === 'done' || (end.kind === 'failed' && (last || end.final)))) await tell(given.callback, facts, end, given.priority)
        return end
      } finally {
        if (place) line?.leave(place)
      }
    }

    async function tell(url: string, facts: JobFacts, end: AttemptEnd & { kind: 'done' | 'failed' }, priority: Priority): Promise<void> {
      const answer = end.result as StoredAnswer | undefined
      const body: CallbackBody = {
        url,
        event: {
          id: facts.id, state: end.kind, endedAt: new Date(scope.clock.now()).toISOString(),
          ...(answer ? { status: answer.status, result: toShown(answer) } : {}), ...(end.kind === 'failed' ? { reason: { code: end.code, message: end.message } } : {}),
        },
      }
      await scope.jobs.accept({
        work: told, key: facts.id.slice(facts.id.indexOf('.') + 1), revision: facts.revision, body, owner: 'callback', priority, attempts: callbackAttempts,
        backoffMs: callbackBackoffMs, backoffMostMs: callbackBackoffMostMs, ttlMs: config.ttlSeconds * secondMs, keepMs: config.keepSeconds * secondMs, maxPending: Infinity,
      })
    }

    return function asyncStep(message, run) {
      return after<Priority, undefined>(priorityOf(message, run), (priority) => accept(message, run, priority))
    }
  },
})

function openLine(config: AsyncConfig, scope: Scope): Line | undefined {
  if (config.resource === '') return undefined
  return openResource(scope, config.resource).line
}

function enter(line: Line, priority: Priority, attempt: Attempt): Promise<Place | 'cancelled'> {
  return new Promise((resolve) => {
    const place = line.enter(priority, Infinity, resolve)
    if (place.state !== 'waiting') return resolve(place)
    attempt.onCancel(() => {
      if (place.state !== 'waiting') return
      line.leave(place)
      resolve('cancelled')
    })
  })
}

function withoutMark(message: Message): Message {
  const { 'Idempotent-Replayed': _, ...headers } = message.headers as Record<string, unknown>
  return { ...message, headers }
}

/** A kept answer as a value of JSON. */
function toShown({ body }: StoredAnswer): unknown {
  if (!body) return undefined
  return body.as === 'json' ? (JSON.parse(body.content) as unknown) : body.content
}

function toCallbackUrl(value: unknown): string {
  const url = String(value)
  if (!isHttpUrl(url)) throw fault('step.config', { message: 'The callback is no http or https URL.' })
  return url
}

function checkCallback(text: string): NodeProblem | undefined {
  if (/\$\{[^}]+\}/.test(text) || isHttpUrl(text.trim())) return undefined
  return { code: 'async.callback', property: 'callback', message: `“${text}” is no http or https URL.`, remedy: 'Write it like https://partner.example/hooks/orders, or take it from the message.' }
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}

/** An address that is written out and that no callout may reach is refused at deploy; what names resolve to is looked at with each call. */
function checkEgress(scope: Scope, url: string): void {
  if (!isHttpUrl(url)) return
  const reason = scope.upstream.whyRefused?.(url)
  if (reason !== undefined) throw fault('config.invalid', { property: 'callback', message: `The callback ${new URL(url).host} is outside of the egress policy: ${reason}.`, remedy: 'Choose a public address, or add it to SLUICE_EGRESS_ALLOW.' })
}
