import { createHash } from 'node:crypto'
import type { MessageClient } from '../../runtime/core/access/clients.ts'
import { Fault, fault, toFault } from '../../runtime/core/fault.ts'
import { isHeaderName } from '../../runtime/core/http/header-name.ts'
import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem, type Scope } from '../../runtime/core/node.ts'
import { parseMessagePath, PathError } from '../../runtime/core/values/property.ts'
import type { Run, RunOutcome } from '../../runtime/core/run.ts'
import { isSandboxCall } from '../../runtime/core/access/sandbox-call.ts'
import type { Sends } from '../../runtime/core/step.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'
import { toDecided } from '../shared/limits/limit-refusal.ts'
import { statusOf, toReplay, toStored, type StoredAnswer } from '../shared/caches/stored-answer.ts'
import { claim, type Claim, type Guarded, type Held } from './claim.ts'
import { fingerprintOf } from './fingerprint.ts'
import { keyOfFields, keyOfHeader } from './key.ts'

export interface IdempotencyConfig {
  readonly keyFrom: 'header' | 'fields'
  readonly header: string
  readonly fields: readonly string[]
  readonly missing: 'refuse' | 'pass'
  readonly sharedBy: 'client' | 'everyone'
  readonly compare: 'auto' | 'request' | 'nothing'
  readonly inFlight: 'refuse' | 'wait'
  readonly waitMs: number
  readonly ttlSeconds: number
  readonly answerLimitBytes: number
  readonly keepCookies: boolean
  readonly finish: boolean
  readonly onLoss: 'closed' | 'open'
}

type Port = 'run' | 'replay'

/** Faults that refuse a call. */
const refusals: ReadonlySet<string> = new Set(['idem.missing', 'idem.invalid', 'idem.conflict', 'idem.mismatch', 'idem.not_kept'])
/** A run ends at its deadline; what it held is not given to another before this much later. */
const leaseGraceMs = 5_000
const longestLeaseMs = 86_400_000
const firstPauseMs = 20
const longestPauseMs = 500

/** Does a thing once, however often it is asked for (draft-ietf-httpapi-idempotency-key-header). */
export const idempotency = defineNode<IdempotencyConfig, Port>({
  type: 'idempotency',
  category: 'protect',
  label: { en: 'idempotency', 'zh-TW': '防重複' },
  summary: { en: 'Lets each transaction pass once and gives its answer again when it is repeated.', 'zh-TW': '每筆交易只放行一次；重複時重播其回應。' },
  icon: 'fa-clone',
  outputs: ['run', 'replay'],
  labels: unchanged,
  leaks: nothing,
  faults: ['idem.missing', 'idem.invalid', 'idem.conflict', 'idem.mismatch', 'idem.not_kept', 'state.unavailable'],
  config: {
    type: 'object',
    properties: {
      keyFrom: {
        enum: ['header', 'fields'], default: 'header', title: 'Key from', description: 'A header that the caller sends, or fields of the message.',
        'x-form': { 'zh-TW': { title: '鍵的來源', description: '呼叫端送來的標頭，或訊息的欄位。', choices: { header: '標頭', fields: '欄位' } } },
      },
      header: { type: 'string', default: 'Idempotency-Key', title: 'Header', 'x-form': { when: { keyFrom: ['header'] }, 'zh-TW': { title: '標頭' } } },
      fields: {
        type: 'array', items: { type: 'string', title: 'Property', 'x-form': { 'zh-TW': { title: '屬性' } } }, default: [], title: 'Fields', description: 'Properties that tell one transaction from another: payload.account, payload.orderId.',
        'x-form': { when: { keyFrom: ['fields'] }, 'zh-TW': { title: '欄位', description: '用來區別交易的屬性：payload.account、payload.orderId。' } },
      },
      missing: {
        enum: ['refuse', 'pass'], default: 'refuse', title: 'Without a key', description: '“pass” lets requests without a key through, unguarded.',
        'x-form': { 'zh-TW': { title: '沒有鍵時', description: '「放行」表示沒有鍵的請求不受保護直接通過。', choices: { refuse: '拒絕', pass: '放行' } } },
      },
      sharedBy: {
        enum: ['client', 'everyone'], default: 'client', title: 'Keys belong to', description: 'client: the same key of two clients (msg.client) means two transactions.',
        'x-form': { 'zh-TW': { title: '鍵的範圍', description: '「各客戶端」：不同客戶端（msg.client）的相同鍵視為不同交易。', choices: { client: '各客戶端', everyone: '所有呼叫端' } } },
      },
      compare: {
        enum: ['auto', 'request', 'nothing'], default: 'auto', title: 'Compare', description: 'What must be the same under one key. auto: the whole request for a key from a header, nothing more for a key from fields.',
        'x-form': { 'zh-TW': { title: '比對', description: '同一個鍵之下必須相同的內容。自動：鍵來自標頭時比對整個請求，來自欄位時不另比對。', choices: { auto: '自動', request: '整個請求', nothing: '不比對' } } },
      },
      inFlight: {
        enum: ['refuse', 'wait'], default: 'refuse', title: 'While the first runs', description: 'Answer a repetition with 409 and Retry-After, or let it wait for the answer.',
        'x-form': { 'zh-TW': { title: '第一筆執行中', description: '以 409 與 Retry-After 回應重複的請求，或讓它等候回應。', choices: { refuse: '拒絕', wait: '等候' } } },
      },
      waitMs: { type: 'integer', minimum: 0, maximum: 600_000, default: 10_000, title: 'Longest wait', description: 'Milliseconds; the deadline of the run applies as well.', 'x-form': { when: { inFlight: ['wait'] }, 'zh-TW': { title: '最長等候', description: '毫秒；同時受執行期限限制。' } } },
      ttlSeconds: { type: 'integer', minimum: 1, maximum: 2_592_000, default: 86_400, title: 'Remember for', description: 'Seconds after the answer.', 'x-form': { 'zh-TW': { title: '記住多久', description: '回應之後的秒數。' } } },
      answerLimitBytes: { type: 'integer', minimum: 0, maximum: 900_000, default: 262_144, title: 'Largest answer kept', description: 'Bytes with headers. A larger one is given once; its repetitions are answered with 409.', 'x-form': { 'zh-TW': { title: '保存回應的上限', description: '含標頭的位元組數。超過者只送出一次，重複時回 409。' } } },
      keepCookies: { type: 'boolean', default: false, title: 'Keep cookies', description: 'Replays Set-Cookie and msg.cookies too.', 'x-form': { 'zh-TW': { title: '保存 Cookie', description: '重播時也送出 Set-Cookie 與 msg.cookies。' } } },
      finish: { type: 'boolean', default: true, title: 'Finish without the caller', description: 'Goes on when the caller hangs up, so that its repetition gets the answer.', 'x-form': { 'zh-TW': { title: '呼叫端離線仍執行完', description: '呼叫端斷線時繼續執行，讓重複的請求取得回應。' } } },
      onLoss: {
        enum: ['closed', 'open'], default: 'closed', title: 'Without the store', description: 'closed: 503. open: passes unguarded.',
        'x-form': { 'zh-TW': { title: '儲存無法使用時', description: '「拒絕」回 503；「放行」則不受保護直接通過。', choices: { closed: '拒絕', open: '放行' } } },
      },
    },
  },
  check(config) {
    const problems: NodeProblem[] = []
    if (config.keyFrom === 'header' && !isHeaderName(config.header.trim())) problems.push({ code: 'header.name', property: 'header', message: `“${config.header}” is not a header name.`, remedy: 'Use letters, digits and hyphens.' })
    if (config.keyFrom === 'header') return problems
    const fields = config.fields.filter((field) => field.trim() !== '')
    if (fields.length === 0) problems.push({ code: 'idempotency.fields', property: 'fields', message: 'The idempotency node has no fields to make its key of.', remedy: 'Name the properties that tell one transaction from another.' })
    for (const field of fields) {
      try {
        parseMessagePath(field.trim())
      } catch (error) {
        if (!(error instanceof PathError)) throw error
        problems.push({ code: 'value.path', property: 'fields', message: error.message, remedy: 'Write it like payload.items[0].name; put other keys in brackets and quotes.' })
      }
    }
    return problems
  },
  compile(config, scope) {
    const keyOf = compileKey(config)
    const compares = config.compare === 'request' || (config.compare === 'auto' && config.keyFrom === 'header')
    const rules = { limitBytes: config.answerLimitBytes, keepCookies: config.keepCookies }
    const replayWired = scope.isWired?.('replay') ?? false

    return async function idempotency(message, run): Promise<Sends<Port> | undefined> {
      try {
        return await guard(message, run)
      } catch (error) {
        if (!(error instanceof Fault) || !refusals.has(error.code)) throw error
        throw toDecided(scope, message, run, error, { check: 'idempotency key', keyFrom: config.keyFrom })
      }
    }

    async function guard(message: Message, run: Run): Promise<Sends<Port> | undefined> {
      const key = keyOf(message, run)
      if (key === undefined) {
        if (config.missing === 'pass') return { run: message }
        throw fault('idem.missing', { what: config.keyFrom === 'header' ? `the header ${config.header.trim()}` : 'the fields that make its key' })
      }
      const guarded: Guarded = {
        key: storeKey(scope, ownerOf(config, message, run), key),
        print: compares ? fingerprintOf(message, run.request) : '',
        leaseMs: Math.min(longestLeaseMs, Math.max(0, run.deadline - scope.clock.now()) + leaseGraceMs),
        ttlMs: config.ttlSeconds * 1000,
      }
      const own = run.state(scope, () => new Map<string, number>(), 'run')
      const again = own.get(guarded.key)
      if (again !== undefined) return { run: { ...message, idempotency: { key, fence: again } } } // the way of this run comes by here twice
      const outcome = await takeOrWait(guarded, run)
      if (outcome === 'unguarded') return { run: message }
      switch (outcome.kind) {
        case 'first':
          own.set(guarded.key, outcome.held.fence)
          settleWith(run, outcome.held)
          return { run: { ...message, idempotency: { key, fence: outcome.held.fence } } }
        case 'done':
          return replay(message, run, key, outcome.answer, outcome.silent)
        case 'mismatch':
          throw fault('idem.mismatch')
        case 'busy':
          throw fault('idem.conflict', {}, undefined, { 'Retry-After': '1' })
      }
    }

    /** Takes the key now, or within the time that a repetition may wait. Lets it go again when its run is over meanwhile. */
    async function takeOrWait(guarded: Guarded, run: Run): Promise<Claim | 'unguarded'> {
      const over = { yes: false, reason: undefined as unknown }
      let wake = () => {}
      const stop = whenAborted(run, (reason) => {
        over.yes = true
        over.reason = reason
        wake()
      })
      const untilMs = Math.min(scope.clock.now() + config.waitMs, run.deadline)
      try {
        for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
          const outcome = await claim(scope.state, guarded)
          if (over.yes) {
            if (outcome.kind === 'first') await outcome.held.free()
            throw over.reason
          }
          const leftMs = untilMs - scope.clock.now()
          if (outcome.kind !== 'busy' || config.inFlight === 'refuse' || leftMs <= 0) return outcome
          await new Promise<void>((resolve) => {
            const cancel = scope.clock.setTimer(resolve, Math.min(pauseMs, leftMs))
            wake = () => {
              cancel()
              resolve()
            }
          })
          if (over.yes) throw over.reason
        }
      } catch (error) {
        const failed = toFault(error)
        if (failed.code !== 'state.unavailable' || config.onLoss === 'closed') throw failed
        run.log.warn({ node: scope.node.id }, 'the store is away: a transaction passes unguarded')
        return 'unguarded'
      } finally {
        stop()
      }
    }

    function settleWith(run: Run, held: Held): void {
      if (config.finish) run.outliveCaller?.()
      if (run.replied) run.onEnd?.((end) => void settle(run, held, end.fault ? { kind: 'fault', fault: end.fault } : { kind: 'end' }))
      else run.beforeAnswer?.((outcome) => settle(run, held, outcome))
    }

    /** Writes down what the run came to: the answer, or that the key is free again. Its lease ends the matter when the store is away. */
    async function settle(run: Run, held: Held, outcome: RunOutcome): Promise<void> {
      const put = toSettlement(outcome)
      try {
        const kept = await put(held).catch(() => put(held))
        if (!kept) run.log.warn({ node: scope.node.id, fence: held.fence }, 'the key of the run was taken over by another before it ended')
      } catch (error) {
        run.log.error({ node: scope.node.id, cause: String(error) }, 'the answer of a guarded run could not be kept; its key becomes free when its lease ends')
      }
    }

    function toSettlement(outcome: RunOutcome): (held: Held) => Promise<boolean> {
      if (outcome.kind === 'end') return (held) => held.done(undefined, true)
      if (outcome.kind === 'fault') return (held) => held.free()
      const status = statusOf(outcome.message)
      if (!(status >= 200 && status < 500)) return (held) => held.free()
      try {
        const answer = toStored(outcome.message, rules)
        return (held) => held.done(answer, false)
      } catch {
        return (held) => held.free() // what cannot be written cannot be sent: the caller gets a fault
      }
    }

    function replay(message: Message, run: Run, key: string, answer: StoredAnswer | undefined, silent: boolean): Sends<Port> | undefined {
      const mark = { key, replayed: true }
      if (silent) return replayWired ? { replay: { ...message, idempotency: mark } } : undefined
      if (!answer) throw fault('idem.not_kept', { limitBytes: config.answerLimitBytes })
      const again: Message = { ...toReplay(message, answer), idempotency: mark }
      if (replayWired) return { replay: again }
      if (run.request) run.reply(again)
      return undefined
    }
  },
})

function compileKey(config: IdempotencyConfig): (message: Message, run: Run) => string | undefined {
  if (config.keyFrom === 'header') {
    const header = config.header.trim()
    return (_message, run) => keyOfHeader(header, run.request)
  }
  const paths = config.fields.filter((field) => field.trim() !== '').map((field) => parseMessagePath(field.trim()))
  return (message) => keyOfFields(paths, message)
}

/** A key that somebody tried out in the sandbox was not used in production, whoever else shares it. */
function ownerOf({ sharedBy }: IdempotencyConfig, message: Message, run: Run): string {
  const owner = sharedBy === 'client' ? clientOf(message) : ''
  return isSandboxCall(run, message) ? `sandbox:${owner}` : owner
}

/** Who the keys belong to: the client that an auth node found, else all whom nobody knows. */
function clientOf(message: Message): string {
  const { client } = message
  if (typeof client !== 'object' || client === null) return 'anonymous'
  const { id, application, environment } = client as Partial<MessageClient>
  // The subject of a token may be called like somebody's application, and what was tried in the sandbox was not done.
  return typeof id === 'string' ? `client:${JSON.stringify([application, environment, id])}` : 'anonymous'
}

/** Keys of callers can be long and private: the store sees their hash. */
function storeKey(scope: Scope, client: string, key: string): string {
  const { flow, id } = scope.node
  return `idem/${createHash('sha256').update(JSON.stringify([flow, id, client, key])).digest('base64url')}`
}
