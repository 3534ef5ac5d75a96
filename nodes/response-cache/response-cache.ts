import { BoundedMap } from '../../runtime/core/bounded-map.ts'
import type { CacheFind, CacheMark, CacheValue } from '../../runtime/core/state/cache.ts'
import { fault, type Fault } from '../../runtime/core/fault.ts'
import { unchanged } from '../../runtime/core/labels/labels.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import type { Run, RunOutcome } from '../../runtime/core/run.ts'
import { type Output, SentTo } from '../../runtime/core/step.ts'
import { type Audience, audienceOf, audienceSchema, type CachePlaceConfig, cachePlaceSchema, checkParts, credentialsOf, longestName, openPlace, partsSchema, tagOf, toKeyText, toTags, wholeTag } from '../shared/caches/cache-place.ts'
import { after, createReader } from '../shared/limits/limit-inputs.ts'
import { compileFragments, type Fragment } from '../shared/limits/limit-level.ts'
import { statusOf } from '../shared/caches/stored-answer.ts'
import { Flights, type Flight, type Landing } from './flights.ts'
import { noWish, toKeeping, toUse, toWish, type LifetimeRules, type Wish } from './freshness.ts'
import { PassesOnce } from '../../runtime/core/http/passes-once.ts'
import { lowerHeaders, parseHead, Prepared, setsCookies, toValue, type KeptHead } from './kept-answer.ts'
import { createRequestKey, variantOf, type QueryRules } from './request-key.ts'

export interface ResponseCacheConfig extends CachePlaceConfig, QueryRules {
  readonly keptFor: Audience
  readonly ttlSeconds: number
  readonly negativeTtlSeconds: number
  readonly revalidateSeconds: number
  readonly errorSeconds: number
  readonly collapse: boolean
  readonly key: readonly Fragment[]
  readonly tags: readonly Fragment[]
  readonly obeyCaller: boolean
  readonly obeyAnswer: boolean
  readonly marks: boolean
  readonly limitBytes: number
  readonly keepOverDeploys: boolean
  readonly sealed: boolean
}

type Port = 'run' | 'hit'
const runPort = 0
const hitPort = 1

/** Statuses of answers that say “there is nothing”. */
const negative = new Set([404, 405, 410, 414, 501])
const positive = new Set([200, 203, 204, 300, 301, 308])
/** Answers that stand for a failure: something older is better (RFC 5861 §4). */
const failures = new Set([500, 502, 503, 504])
/** For so long nobody waits where the last answer was for one caller alone. */
const ownMs = 10_000
const rememberedKeys = 10_000
/** How often who waits begins anew before going alone. */
const mostTurns = 5

/** Gives answers again (RFC 9111, as a shared cache; RFC 5861). */
export const responseCache = defineNode<ResponseCacheConfig, Port>({
  type: 'response cache',
  category: 'protect',
  label: { en: 'response cache', 'zh-TW': '回應快取' },
  summary: { en: 'Gives the answer of what stands behind it again while it is fresh.', 'zh-TW': '在有效期間內，直接重複提供其後流程的回應。' },
  icon: 'fa-database',
  outputs: ['run', 'hit'],
  labels: unchanged,
  // Answers that are kept went out before; operators see what they are tagged with.
  leaks: ({ tags }, input) => tags.map(({ value, valueType }) => ({ to: 'cache', what: 'a tag', property: 'tags', labels: labelsOfValue(value, valueType, input) })),
  faults: ['cache.only', 'config.invalid', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      ttlSeconds: { type: 'number', minimum: 0, maximum: 2_592_000, default: 60, title: 'Fresh for', description: 'Seconds, for answers of 200, 203, 204, 300, 301 and 308 that do not say it themselves.', 'x-form': { 'zh-TW': { title: '有效時間', description: '秒；用於未自行宣告效期的 200、203、204、300、301、308 回應。' } } },
      negativeTtlSeconds: { type: 'number', minimum: 0, maximum: 2_592_000, default: 0, title: 'Negative answers', description: 'Seconds that 404, 405, 410, 414 and 501 are kept. 0: not.', 'x-form': { 'zh-TW': { title: '否定回應', description: '404、405、410、414、501 的保存秒數；0 表示不保存。' } } },
      keptFor: audienceSchema,
      query: {
        enum: ['all', 'only', 'except'], default: 'all', title: 'Query', description: 'Parameters that tell answers apart; their order does not.',
        'x-form': { 'zh-TW': { title: '查詢參數', description: '用來區分回應的參數；順序不影響。', choices: { all: '全部', only: '只有', except: '除了' } } },
      },
      queryNames: {
        type: 'array', items: { type: 'string', title: 'Name', 'x-form': { 'zh-TW': { title: '名稱' } } }, default: [], title: 'Parameters',
        'x-form': { when: { query: ['only', 'except'] }, 'zh-TW': { title: '參數名稱' } },
      },
      key: partsSchema('More in the key', 'What else tells answers apart, such as msg.tenant.', { title: '其他鍵值', description: '其他用來區分回應的值，例如 msg.tenant。' }),
      tags: partsSchema('Tags', 'Names to purge answers by, read from the message as it comes.', { title: '標籤', description: '用來清除回應的名稱，於訊息進入時讀取。' }),
      collapse: { type: 'boolean', default: true, title: 'Ask once', description: 'Who asks for the same while an answer is being made waits for it.', 'x-form': { 'zh-TW': { title: '合併相同請求', description: '回應產生期間，相同的請求等候同一份回應。' } } },
      revalidateSeconds: { type: 'number', minimum: 0, maximum: 2_592_000, default: 0, title: 'Stale while renewing', description: 'For so many seconds more a stale answer is given at once, and a new one made behind it.', 'x-form': { 'zh-TW': { title: '更新期間可用舊回應', description: '過期後的這段秒數內，立即給舊回應並在背後更新。' } } },
      errorSeconds: { type: 'number', minimum: 0, maximum: 2_592_000, default: 0, title: 'Stale on failure', description: 'For so many seconds more a stale answer stands in for a fault or for 500, 502, 503 and 504.', 'x-form': { 'zh-TW': { title: '失敗時可用舊回應', description: '過期後的這段秒數內，發生錯誤或 500、502、503、504 時改給舊回應。' } } },
      obeyAnswer: { type: 'boolean', default: true, title: 'Answers say how long', description: 'Cache-Control, Expires and Age of an answer come before the times above. What it forbids is forbidden in any case.', 'x-form': { 'zh-TW': { title: '依回應宣告效期', description: '回應的 Cache-Control、Expires、Age 優先於上面的時間；其禁止事項一律遵守。' } } },
      obeyCaller: { type: 'boolean', default: true, title: 'Callers may ask for a new one', description: 'Cache-Control of the request: no-cache, no-store, max-age, min-fresh, max-stale, only-if-cached.', 'x-form': { 'zh-TW': { title: '呼叫者可要求更新', description: '遵守請求的 Cache-Control：no-cache、no-store、max-age、min-fresh、max-stale、only-if-cached。' } } },
      marks: { type: 'boolean', default: true, title: 'Say so in the answer', description: 'X-Cache: HIT, STALE or MISS.', 'x-form': { 'zh-TW': { title: '在回應標示', description: 'X-Cache：HIT、STALE 或 MISS。' } } },
      ...cachePlaceSchema,
      limitBytes: { type: 'integer', minimum: 0, maximum: 16_000_000, default: 1_048_576, title: 'Largest answer kept', description: 'Bytes with headers.', 'x-form': { 'zh-TW': { title: '保存回應的上限', description: '含標頭的位元組數。' } } },
      keepOverDeploys: { type: 'boolean', default: false, title: 'Keep over deploys', description: 'A deploy that changes the flow begins with nothing kept, unless ticked.', 'x-form': { 'zh-TW': { title: '部署後仍保留', description: '未勾選時，流程有變更的部署會從空的快取開始。' } } },
      sealed: { type: 'boolean', default: false, title: 'Never in clear', description: 'Refuses the deploy where answers would lie in Redis unencrypted.', 'x-form': { 'zh-TW': { title: '不得以明文保存', description: '若回應會以明文存放於 Redis，則拒絕部署。' } } },
    },
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = [...checkParts(config.key, 'key'), ...checkParts(config.tags, 'tags')]
    if (config.query !== 'all' && config.queryNames.every((name) => name.trim() === '')) problems.push({ code: 'cache.query', severity: 'warning', property: 'queryNames', message: `The response cache tells answers apart by ${config.query === 'only' ? 'no parameter at all' : 'all parameters but none'}.`, remedy: 'Name parameters, or choose all.' })
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const { cache } = scope.state
    if (config.sealed && cache.inClear) throw fault('config.invalid', { message: 'The response cache must not keep answers in clear, and Redis would have them so. Set SLUICE_CACHE_KEY on all gateways.' })
    const place = openPlace(scope, config)
    const base = `${place}/r/${scope.node.path}/${scope.node.id}/${config.keepOverDeploys ? '' : scope.node.revision}/`
    const requestKey = createRequestKey(config)
    const parts = await compileFragments(config.key, scope)
    const readKey = parts.length === 0 ? undefined : createReader(parts)
    const tagParts = await compileFragments(config.tags, scope)
    const readTags = tagParts.length === 0 ? undefined : createReader(tagParts)
    const hitWired = scope.isWired?.('hit') ?? false
    const shared = config.keptFor === 'everyone'
    const isPlain = cache.atOnce && readKey === undefined && !hitWired
    const limitBytes = Math.min(config.limitBytes, cache.limitBytes)
    const rules: LifetimeRules = {
      ttlMsOf: (status) => (positive.has(status) && config.ttlSeconds > 0 ? config.ttlSeconds * 1000 : negative.has(status) && config.negativeTtlSeconds > 0 ? config.negativeTtlSeconds * 1000 : undefined),
      revalidateMs: config.revalidateSeconds * 1000,
      errorMs: config.errorSeconds * 1000,
      obeyAnswer: config.obeyAnswer,
      shared,
    }
    const flights = new Flights()
    /** Keys whose last answer was for one caller alone, and until when nobody waits there. */
    const own = new BoundedMap<number>(rememberedKeys)
    /** By which headers the answers of a key differ, as far as known here. */
    const varied = new BoundedMap<readonly string[]>(rememberedKeys)
    const seen = new WeakMap<CacheValue, Prepared>()
    const now = () => scope.state.now()
    /** What an answer is called is for people to read, and must not say what is labelled. */
    const isHidden = scope.labels?.at(['req', 'url']).unseen.isEmpty === false

    return function responseCache(message, run) {
      const { request } = run
      if (request === undefined || run.replied || run.beforeAnswer === undefined) return new SentTo(runPort, message)
      const { method } = request
      if (method !== 'GET' && method !== 'HEAD') return changed(message, run, method)
      const wish = config.obeyCaller && (request.headers['cache-control'] !== undefined || request.headers.pragma !== undefined) ? toWish(request.headers) : noWish
      if (wish.noStore) return pass(message, run, 'BYPASS')
      const asked = toKey(message, run)
      if (isPlain && wish === noWish) {
        // The commonest case first: what is fresh and differs by no header goes out without a closure or a message more.
        const { value } = cache.get(asked) as CacheFind
        const answer = value && seen.get(value)
        if (answer !== undefined && now() - answer.head.atMs < answer.head.freshMs) {
          run.reply(toMessage(run, answer, 'HIT'))
          return undefined
        }
      }
      return readKey === undefined ? find(message, run, asked, wish, 0) : after(readKey(message, run), (values) => find(message, run, asked + toKeyText(values), wish, 0))
    }

    function toKey(message: Message, run: Run): string {
      const request = run.request as NonNullable<Run['request']>
      const who = audienceOf(config.keptFor, message, run)
      // A known client may be known by more than one credential; what one of them was answered the others are not.
      const proof = shared || request.headers.authorization === undefined ? '' : credentialsOf(run)
      return `${base}${who} ${proof} ${requestKey(request)} `
    }

    function find(message: Message, run: Run, asked: string, wish: Wish, turn: number): Output<Port> | Promise<Output<Port>> {
      if (run.replied) return undefined
      const names = varied.get(asked)
      const key = names === undefined ? asked : asked + variantOf(names, run.request?.headers ?? {})
      return after(cache.get(key), ({ value, mark }): Output<Port> | Promise<Output<Port>> => {
        const head = value && (seen.get(value)?.head ?? parseHead(value))
        if (head === undefined || value === undefined) return make(message, run, { asked, key, mark, wish, turn }, undefined)
        if ('choose' in head) {
          varied.set(asked, head.choose)
          return turn < mostTurns ? find(message, run, asked, wish, turn + 1) : pass(message, run, 'MISS')
        }
        const answer = seen.get(value) ?? remember(value, head)
        const use = toUse(head, wish, now())
        if (use === 'fresh') return give(message, run, answer, 'HIT')
        if (use === 'revalidate') {
          renew(message, run, { asked, key, mark, wish: noWish, turn })
          return give(message, run, answer, 'STALE')
        }
        return make(message, run, { asked, key, mark, wish, turn }, use === 'error' ? answer : undefined)
      })
    }

    function remember(value: CacheValue, head: KeptHead): Prepared {
      const answer = new Prepared(head, value)
      seen.set(value, answer)
      return answer
    }

    function give(message: Message, run: Run, answer: Prepared, mark: string): Output<Port> {
      const given = toMessage(run, answer, mark)
      if (hitWired) return new SentTo(hitPort, { ...message, ...given })
      run.reply(given)
      return undefined
    }

    function toMessage(run: Run, answer: Prepared, mark: string): Message {
      const headers = answer.headersAt(now(), config.marks ? mark : '')
      const since = run.request?.headers['if-modified-since']
      // Whoever sends a tag as well is answered by the tag alone (RFC 9110 §13.2.2); that is done where answers are written.
      if (since !== undefined && answer.head.status === 200 && run.request?.headers['if-none-match'] === undefined && answer.lastModifiedMs <= Date.parse(String(since))) return { statusCode: 304, headers }
      return { payload: answer.payload, statusCode: answer.head.status, headers }
    }

    function pass(message: Message, run: Run, mark: string): Output<Port> {
      if (config.marks) run.addReplyHeader?.('X-Cache', mark, scope.node.id)
      return new SentTo(runPort, message)
    }

    interface Asking {
      readonly asked: string
      readonly key: string
      readonly mark: CacheMark
      readonly wish: Wish
      readonly turn: number
    }

    /** Nothing fresh is there: the first one makes it, the others wait. `stale` stands in when that fails. */
    function make(message: Message, run: Run, asking: Asking, stale: Prepared | undefined): Output<Port> | Promise<Output<Port>> {
      const { key, wish, turn } = asking
      if (wish.onlyKept) throw fault('cache.only')
      // What answers a HEAD may leave out what a GET would get: it is not kept, and nobody waits for it.
      if (run.request?.method === 'HEAD') return pass(message, run, 'MISS')
      const canWait = config.collapse && !wish.noCache && turn < mostTurns
      const flight = canWait ? flights.get(key) : undefined
      if (flight) return flight.wait().then((landing) => join(message, run, asking, flight, landing, stale))
      const mine = canWait && !((own.get(key) ?? 0) > now()) ? flights.begin(key, asking.mark) : undefined
      return lead(message, run, asking, mine, stale)
    }

    function join(message: Message, run: Run, asking: Asking, flight: Flight, landing: Landing, stale: Prepared | undefined): Output<Port> | Promise<Output<Port>> {
      if (run.replied) return undefined // went away while waiting
      if (landing.kind === 'gone') return find(message, run, asking.asked, asking.wish, asking.turn + 1)
      if (landing.kind === 'fault') {
        if (stale === undefined) throw landing.fault
        return give(message, run, stale, 'STALE')
      }
      if (landing.kind === 'own') return lead(message, run, asking, undefined, stale)
      // Who came after a purge must not get what was begun before it.
      if (asking.mark > flight.mark && landing.kept !== undefined) return after(landing.kept, (kept) => (kept ? share(message, run, asking, landing.answer) : find(message, run, asking.asked, asking.wish, asking.turn + 1)))
      return share(message, run, asking, landing.answer)
    }

    /** Gives an answer that was made for another one who asked in the same words. */
    function share(message: Message, run: Run, asking: Asking, answer: Prepared): Output<Port> | Promise<Output<Port>> {
      if (run.replied) return undefined
      const { vary } = answer.head
      if (vary.length > 0) {
        // It was made for other headers, perhaps: look again, now that they are known.
        const known = varied.get(asking.asked)
        if (known === undefined || asking.key !== asking.asked + variantOf(known, run.request?.headers ?? {})) return find(message, run, asking.asked, asking.wish, asking.turn + 1)
      }
      return give(message, run, answer, failures.has(answer.head.status) ? 'MISS' : 'HIT')
    }

    function lead(message: Message, run: Run, asking: Asking, flight: Flight | undefined, stale: Prepared | undefined): Output<Port> | Promise<Output<Port>> {
      const knownBefore = run.environment
      let stoodIn: Message | undefined
      if (stale !== undefined) {
        run.answerInstead?.((outcome) => {
          if (!isFailure(outcome)) return undefined
          stoodIn = toMessage(run, stale, 'STALE')
          return stoodIn
        })
      }
      const lead = (tags: readonly string[]): Output<Port> => {
        run.beforeAnswer?.((outcome) => {
          if (outcome.kind === 'reply' && outcome.message === stoodIn) return flight?.land({ kind: 'gone' })
          // A node behind this one found out who calls: what it answers is not for the next one who comes by here.
          const late = knownBefore === undefined && run.environment !== undefined
          if (late) scope.log.warn({ flow: run.flow }, 'An answer is not kept: callers are asked who they are only behind the response cache. Put the auth node in front of it.')
          // A node that showed somebody's data, or began a session, says so in a header beside the answer.
          const ofOne = late || run.hasReplyHeader?.('X-Degraded') === true || run.hasReplyHeader?.('Cache-Control') === true
          const landing = toLanding(asking, outcome, tags, run, ofOne)
          if (landing.kind === 'own') own.set(asking.key, now() + ownMs)
          flight?.land(landing)
        })
        run.onEnd?.(() => flight?.land({ kind: 'gone' }))
        return pass(message, run, 'MISS')
      }
      if (readTags === undefined) return lead([])
      try {
        const tags = after(readTags(message, run), (values) => lead(toTags(values)))
        return tags instanceof Promise ? tags.catch((error: unknown) => fail(error)) : tags
      } catch (error) {
        return fail(error)
      }

      function fail(error: unknown): never {
        flight?.land({ kind: 'gone' })
        throw error
      }
    }

    /** Makes a new answer behind one that was given: once, however many ask meanwhile. */
    function renew(message: Message, run: Run, asking: Asking): void {
      if (flights.get(asking.key)) return
      const flight = flights.begin(asking.key, asking.mark)
      const begin = (tags: readonly string[]) => {
        const work = scope.runWork({
          on: 'refresh', port: 'run', message, limitMs: Math.max(1, run.deadline - scope.clock.now()),
          ...(run.request ? { request: run.request } : {}), ...(run.environment === undefined ? {} : { environment: run.environment }),
        })
        if (work === undefined) return flight.land({ kind: 'gone' })
        void work.ended.then(({ outcome, end }) => flight.land(isFailure(outcome) || end.degraded === true ? { kind: 'gone' } : toLanding(asking, outcome, tags, run, false)))
      }
      try {
        const read = readTags === undefined ? [] : readTags(message, run)
        if (read instanceof Promise) read.then((values) => begin(toTags(values)), () => flight.land({ kind: 'gone' }))
        else begin(toTags(read))
      } catch {
        flight.land({ kind: 'gone' })
      }
    }

    /** What a run came to, kept if it may be, and whether others may have it. `ofOne`: they may not, whatever it says. */
    function toLanding({ asked, mark }: Asking, outcome: RunOutcome, tags: readonly string[], run: Run, ofOne: boolean): Landing {
      if (outcome.kind === 'end') return { kind: 'gone' }
      if (outcome.kind === 'fault') return isShared(outcome.fault) ? { kind: 'fault', fault: outcome.fault } : { kind: 'gone' }
      const { message } = outcome
      const status = statusOf(message)
      const headers = lowerHeaders(message)
      const nowMs = now()
      const facts = { status, headers, setsCookies: setsCookies(message), authorized: run.request?.headers.authorization !== undefined, nowMs }
      const keeping = toKeeping(facts, rules)
      if (ofOne || headers['x-degraded'] !== undefined || message.payload instanceof PassesOnce) return { kind: 'own' }
      const nothing = { freshMs: 0, revalidateMs: 0, errorMs: 0 }
      if (!('keep' in keeping)) {
        // A failure is for all who waited for it, and for nobody after them.
        if (keeping.not !== 'status' || !failures.has(status)) return { kind: 'own' }
      }
      try {
        const { value, head } = toValue(message, 'keep' in keeping ? keeping.keep : nothing, nowMs)
        const answer = new Prepared(head, value)
        if (!('keep' in keeping)) return head.vary.length === 0 ? { kind: 'answer', answer } : { kind: 'own' }
        const kept = keep(asked, answer, value, [...tags, ...toTags([headers['cache-tag']]).flatMap((text) => text.split(',').map((tag) => tag.trim()))], mark, run)
        seen.set(value, answer)
        return { kind: 'answer', answer, kept }
      } catch {
        return { kind: 'own' } // what cannot be written cannot be sent: the caller gets a fault
      }
    }

    function keep(asked: string, { head }: Prepared, value: CacheValue, tags: readonly string[], mark: CacheMark, run: Run): boolean | Promise<boolean> | undefined {
      const size = value.head.length + (value.body?.length ?? 0)
      if (size > limitBytes) return undefined
      const ttlMs = head.freshMs + Math.max(head.revalidateMs, head.errorMs)
      const request = run.request as NonNullable<Run['request']>
      const all = [wholeTag(place), tagOf(place, resourceTag(request.hostname, request.path)), ...tags.filter((tag) => tag !== '').map((tag) => tagOf(place, tag))]
      const name = isHidden ? request.route : requestKey(request).slice(request.hostname.length, request.hostname.length + longestName)
      if (head.vary.length > 0) {
        varied.set(asked, head.vary)
        void settle(cache.set(asked, { head: JSON.stringify({ v: 1, choose: head.vary }) }, { ttlMs, tags: all, mark }))
        return settle(cache.set(asked + variantOf(head.vary, request.headers), value, { ttlMs, tags: all, name, mark }))
      }
      varied.delete(asked)
      return settle(cache.set(asked, value, { ttlMs, tags: all, name, mark }))
    }

    function settle(kept: boolean | Promise<boolean>): boolean | Promise<boolean> {
      if (!(kept instanceof Promise)) return kept
      return kept.catch((error: unknown) => {
        scope.log.error({ cause: String(error) }, 'an answer could not be kept')
        return false
      })
    }

    /** A request that changes something makes what is kept of its place invalid, when it went well (RFC 9111 §4.4). */
    function changed(message: Message, run: Run, method: string): Output<Port> {
      if (method === 'OPTIONS' || method === 'TRACE') return new SentTo(runPort, message)
      run.beforeAnswer?.((outcome) => {
        const request = run.request as NonNullable<Run['request']>
        if (outcome.kind !== 'reply') return undefined
        const status = statusOf(outcome.message)
        if (!(status >= 200 && status < 400)) return undefined
        const done = cache.purge({ tags: [tagOf(place, resourceTag(request.hostname, request.path))] })
        // The answer waits for it: whoever reads it and asks again sees the change.
        return done instanceof Promise ? done.catch((error: unknown) => scope.log.error({ cause: String(error) }, 'what was kept of a changed resource could not be purged')) : undefined
      })
      return new SentTo(runPort, message)
    }
  },
})

function resourceTag(hostname: string, path: string): string {
  return `\0${hostname}${path}`
}

function isFailure(outcome: RunOutcome): boolean {
  if (outcome.kind === 'fault') return outcome.fault.status >= 500
  return outcome.kind === 'reply' && failures.has(statusOf(outcome.message))
}

/** Faults that everybody who waited would have met. One run's own end is its own: a caller that left, a deadline. */
function isShared(met: Fault): boolean {
  return met.status >= 500 && met.code !== 'flow.timeout'
}
