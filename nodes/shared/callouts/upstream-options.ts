import type { NodeProblem } from '../../../runtime/core/node.ts'
import type { BreakerPolicy, BulkheadPolicy, RetryOn, TryPolicy } from '../../../runtime/core/upstream/upstream-service.ts'
import { parseStatuses } from './statuses.ts'

/** How a call stands up to an upstream that fails; the same of an upstream and of a callout that has its own. */
export interface UpstreamOptions {
  readonly tryTimeoutMs: number
  readonly retries: number
  readonly retryOn: string
  readonly backoffMs: number
  readonly retryPercent: number
  readonly hedgeMs: number
  readonly breaker: boolean
  readonly breakerErrorPercent: number
  readonly breakerMinCalls: number
  readonly breakerWindowMs: number
  readonly breakerSlowMs: number
  readonly breakerSlowPercent: number
  readonly breakerOpenMs: number
  readonly breakerProbes: number
  readonly maxConcurrent: number
  readonly placeWaitMs: number
  readonly maxWaiting: number
}

/** Longest pause before a retry that nobody asked for. */
const backoffMaxMs = 5_000

type When = Readonly<Record<string, readonly unknown[]>>

/** The fields of these options, shown when `tries` and `state` say so: what a callout may have of its own beside an upstream, and what only stands alone. */
export function optionFields(tries: When, state: When, retries: number): Readonly<Record<string, object>> {
  const field = (schema: object, when: When, title: string, chinese: readonly [string, string], description: string) => ({
    ...schema, title, description, 'x-form': { ...(Object.keys(when).length > 0 ? { when } : {}), 'zh-TW': { title: chinese[0], description: chinese[1] } },
  })
  const whole = (minimum: number, maximum: number, standard: number) => ({ type: 'integer', minimum, maximum, default: standard })
  const ms = (standard: number, minimum = 0) => whole(minimum, 3_600_000, standard)
  const breaking = { ...state, breaker: [true] }
  const retrying: When = tries
  return {
    tryTimeoutMs: field(ms(0), tries, 'Timeout of one try', ['單次嘗試逾時（毫秒）', '0：只受整個呼叫的時限限制。'], 'Milliseconds; 0: only the timeout of the whole call.'),
    retries: field(whole(0, 10, retries), tries, 'Retries', ['重試次數', '只在安全時重試：GET、HEAD、OPTIONS、PUT、DELETE、帶有 Idempotency-Key 的請求，或尚未送出任何內容時。'], 'Only what is safe to repeat: GET, HEAD, OPTIONS, PUT, DELETE, a request with an Idempotency-Key, or one of which nothing was sent.'),
    retryOn: field({ type: 'string', default: 'connect, broken, timeout, 429, 502-504' }, retrying, 'Retry on', ['重試條件', 'connect、broken、timeout 與狀態碼，以逗號分隔。會遵守 Retry-After。'], 'connect, broken, timeout and statuses, separated by commas. Retry-After is honoured.'),
    backoffMs: field(ms(50), retrying, 'First pause', ['首次間隔（毫秒）', '重試前等待 0 到此值之間的隨機時間；每次加倍。'], 'Milliseconds: a random time up to this before the first retry; twice as long each time.'),
    retryPercent: field(whole(0, 100, 20), state, 'Retry budget', ['重試額度（%）', '重試與備援呼叫最多占呼叫數的百分比。'], 'Percent: retries and hedges are at most such a part of the calls.'),
    hedgeMs: field(ms(0), tries, 'Hedge after', ['備援呼叫（毫秒）', '這段時間後仍無回應時，並行送出第二次嘗試，先到者為準；只用於可安全重複的呼叫。0：不使用。'], 'Milliseconds: when there is no answer by then, a second try is sent beside the first, and the first answer counts. Only what is safe to repeat. 0: never.'),
    breaker: field({ type: 'boolean', default: false }, state, 'Circuit breaker', ['斷路器', '失敗或過慢的呼叫太多時，暫時不再嘗試。'], 'Stops calling for a while when too many calls fail or are slow.'),
    breakerErrorPercent: field(whole(1, 100, 50), breaking, 'Opens at errors', ['開路的失敗比例（%）', '連線失敗、逾時與 5xx 都算失敗。'], 'Percent of calls that failed: no connection, timeout, 5xx.'),
    breakerMinCalls: field(whole(1, 100_000, 20), breaking, 'Judges from', ['最少呼叫數', '觀察期間內至少要有這麼多呼叫才判斷。'], 'Calls in the window before it judges.'),
    breakerWindowMs: field(ms(30_000, 100), breaking, 'Window', ['觀察期間（毫秒）', '往回看多久。'], 'Milliseconds it looks back.'),
    breakerSlowMs: field(ms(0), breaking, 'Slow from', ['過慢（毫秒）', '超過此時間的呼叫算過慢。0：不計。'], 'Milliseconds after which a call was slow; 0: none is.'),
    breakerSlowPercent: field(whole(1, 100, 80), breaking, 'Opens at slow calls', ['開路的過慢比例（%）', '過慢呼叫的百分比。'], 'Percent of calls that were slow.'),
    breakerOpenMs: field(ms(10_000, 1), breaking, 'Stays open', ['開路時間（毫秒）', '之後放行少數試探。'], 'Milliseconds; then a few probes pass.'),
    breakerProbes: field(whole(1, 100, 3), breaking, 'Probes', ['試探次數', '全部成功才恢復。'], 'All of them have to go well before it closes.'),
    maxConcurrent: field(whole(0, 100_000, 0), state, 'Most at once', ['同時上限', '同時進行的呼叫數。0：不限。'], 'Calls under way at once; 0: no limit.'),
    placeWaitMs: field(ms(0), state, 'Wait for a place', ['等候名額（毫秒）', '達到同時上限時最多等多久；0：立即拒絕。'], 'Milliseconds a call waits when so many are under way; 0: it is refused at once.'),
    maxWaiting: field(whole(0, 1_000_000, 100), state, 'Most that wait', ['等候上限', '同時等候的呼叫數。'], 'Calls that wait at once.'),
  }
}

/** `connect, broken, timeout, 502-504` as what to retry on; `undefined` when it cannot be read. */
export function parseRetryOn(text: string): RetryOn | undefined {
  const words = text.split(',').map((word) => word.trim().toLowerCase()).filter((word) => word !== '')
  const names = new Set(words.filter((word) => /^[a-z]/.test(word)))
  for (const name of names) if (name !== 'connect' && name !== 'broken' && name !== 'timeout') return undefined
  const numbers = words.filter((word) => !/^[a-z]/.test(word))
  const statuses = numbers.length === 0 ? new Set<number>() : parseStatuses(numbers.join(','))
  return statuses && { connect: names.has('connect'), broken: names.has('broken'), timeout: names.has('timeout'), statuses }
}

export function toTries(options: UpstreamOptions): TryPolicy {
  return {
    tryTimeoutMs: options.tryTimeoutMs,
    retries: options.retries,
    retryOn: parseRetryOn(options.retryOn) ?? { connect: false, broken: false, timeout: false, statuses: new Set() },
    backoffMs: options.backoffMs,
    backoffMaxMs: Math.max(options.backoffMs, backoffMaxMs),
    hedgeMs: options.hedgeMs,
  }
}

export function toBreaker(options: UpstreamOptions): BreakerPolicy | undefined {
  if (!options.breaker) return undefined
  return {
    windowMs: options.breakerWindowMs,
    minCalls: options.breakerMinCalls,
    errorShare: options.breakerErrorPercent / 100,
    slowMs: options.breakerSlowMs,
    slowShare: options.breakerSlowPercent / 100,
    openMs: options.breakerOpenMs,
    probes: options.breakerProbes,
  }
}

export function toBulkhead(options: UpstreamOptions): BulkheadPolicy | undefined {
  return options.maxConcurrent === 0 ? undefined : { limit: options.maxConcurrent, maxWaitMs: options.placeWaitMs, maxWaiting: options.maxWaiting }
}

/** What the schema cannot say of them. */
export function checkOptions(options: UpstreamOptions): NodeProblem[] {
  const problems: NodeProblem[] = []
  if (!parseRetryOn(options.retryOn)) problems.push({ code: 'upstream.retry_on', property: 'retryOn', message: `“${options.retryOn}” does not say what to retry on.`, remedy: 'Write connect, broken, timeout and statuses, such as: connect, timeout, 502-504.' })
  if (options.retries > 0 && options.retryPercent === 0) problems.push({ severity: 'warning', code: 'upstream.no_budget', property: 'retryPercent', message: 'The retry budget is 0, so that nothing is ever retried.', remedy: 'Give it a few percent, or set the retries to 0.' })
  return problems
}
