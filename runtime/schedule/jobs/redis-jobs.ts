import { randomBytes } from 'node:crypto'
import { DelayedError, type Queue, UnrecoverableError, type Worker } from 'bullmq'
import type { Clock } from '../../core/time/clock.ts'
import { fault } from '../../core/fault.ts'
import type { AttemptEnd, JobCounts, JobFacts, Jobs, NewJob, Perform, WorkName, WorkSpec } from '../../core/jobs/jobs.ts'
import type { Log } from '../../core/log.ts'
import { connectEars, connectRedis, type RedisAddress, whenReady } from '../redis-connection.ts'
import { AttemptsUnderWay } from './attempt.ts'
import { backoffMs } from './backoff.ts'
import { Handlers } from './handlers.ts'
import { hasten } from './hasten.ts'
import { jobId, workHash, workOfId } from './job-id.ts'
import { createOrphanWatch } from './orphan-watch.ts'
import { standardDeadMs, standardOrphanMs, sweepEveryMs } from './periods.ts'
import { createProgressNotes } from './progress.ts'
import { ReadableQueue, ReadableWorker } from './readable-job.ts'
import { mostCrashes, reasonOf } from './reason.ts'
import { createRedisCondition } from './redis-condition.ts'
import { type Ended, type Kept, type KeptJob, named, ranked, stateOf, toFacts, waitingTypes } from './redis-facts.ts'
import { createRedisListing, mostCancelled } from './redis-listing.ts'
import { createRedisPauses, flowOf } from './redis-pauses.ts'
import { createRedisQuestions } from './redis-questions.ts'
import { createJobSeal } from './sealed.ts'
import { SettleWaits } from './settle-waits.ts'

export interface RedisJobsOptions extends RedisAddress {
  /** Before every key. */
  readonly prefix: string
  /** 32 bytes, the same on all gateways; absent: no work is accepted. */
  readonly key?: Buffer | undefined
  /** What becomes of new work while Redis would lose it. */
  readonly whenUnsafe: 'refuse' | 'warn'
  readonly clock: Clock
  readonly log: Log
  readonly metrics: { count(name: string, labels?: Readonly<Record<string, string>>): void }
  /** How long an answer of Redis is waited for; 2000. */
  readonly answerMs?: number
  /** How long a dead gateway's work rests before another takes it; 10000. */
  readonly lockMs?: number
  /** How long jobs wait for a revision that can do them; 5 minutes. */
  readonly orphanMs?: number
  /** How long dead letters are kept; 7 days. */
  readonly deadMs?: number
}

export interface RedisJobs extends Jobs {
  readonly healthy: boolean
  /** Why new work is refused, or would be. */
  readonly unsafe: string | undefined
  /** Resolves with the first connection, or false after so long without one. */
  connected(limitMs: number): Promise<boolean>
}

interface Work {
  readonly name: WorkName
  readonly handlers: Handlers
  queue: Queue<Kept> | undefined
  worker: Worker<Kept, Ended> | undefined
  /** The worker is there to set aside what nobody can do. */
  orphans: boolean
}

const jobName = 'job'
const lookEveryMs = 250
const lookAgainMs = 3000

/** Jobs that all gateways on one Redis share, kept by BullMQ: one queue for each work, so that none holds up another. */
export function openRedisJobs({ prefix, key, whenUnsafe, clock, log, metrics, answerMs = 2000, lockMs = 10_000, orphanMs = standardOrphanMs, deadMs = standardDeadMs, ...address }: RedisJobsOptions): RedisJobs {
  const gateway = randomBytes(6).toString('hex')
  const redis = connectRedis(address)
  const ears = connectEars(address, redis)
  const seal = key && createJobSeal(key)
  const own = `${prefix}jobs`
  const keys = { works: `${own}:works`, paused: `${own}:paused`, seen: `${own}:seen`, mark: (id: string) => `${own}:mark:${id}`, advance: `${own}:advance`, cancel: `${own}:cancel`, cancelled: `${own}:cancelled`, ended: (name: string) => `${own}:ended:${name}` }
  const works = new Map<string, Work>()
  const attempts = new AttemptsUnderWay()
  const waits = new SettleWaits(clock)
  const closing = new Set<Promise<unknown>>()
  const questions = createRedisQuestions(redis, clock, answerMs)
  const { ask } = questions
  const pauses = createRedisPauses({ redis, keys, queueOf })
  const condition = createRedisCondition({ redis, clock, log, whenUnsafe, matters: () => [...works.values()].some(({ handlers }) => handlers.newest) })
  const { check, time } = condition
  const list = createRedisListing({ redis, keys, ask, queueOf, time })
  let saidKey = false
  let taking = true
  let closed = false
  let counted: JobCounts = { pending: 0, running: 0, dead: 0, paused: 0 }
  let cancelSweep: (() => void) | undefined
  const sweepMs = Math.min(sweepEveryMs, orphanMs / 5)
  const watch = createOrphanWatch({ orphanMs, sweepMs })

  redis.defineCommand('sluiceAdvance', {
    numberOfKeys: 1,
    lua: `local b = redis.call('HGET', KEYS[1], ARGV[1]) if not b or tonumber(b) < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end return b`,
  })
  redis.on('ready', () => void check().then(sayDoing).catch(noteFailure))
  redis.on('close', () => watch.lost())
  void ears.subscribe(keys.cancel, keys.ended(gateway)).catch(() => {})
  ears.on('message', (channel: string, id: string) => {
    if (channel === keys.cancel) attempts.cancel(id)
    else waits.tell(id)
  })
  sweepLater()

  function workOf(name: WorkName, hash = workHash(name)): Work {
    let work = works.get(hash)
    if (!work) works.set(hash, (work = { name, handlers: new Handlers(), queue: undefined, worker: undefined, orphans: false }))
    return work
  }

  function queueOf(hash: string): Queue<Kept> {
    const work = workOf({ flow: '', node: '' }, hash)
    if (!work.queue) {
      work.queue = new ReadableQueue(hash, { connection: redis, prefix: own, skipMetasUpdate: true, streams: { events: { maxLen: 10 } } })
      work.queue.on('error', noteFailure)
    }
    return work.queue
  }

  function work(hash: string, atOnce: number): void {
    const entry = works.get(hash) as Work
    if (entry.worker) {
      entry.worker.concurrency = atOnce
      return
    }
    const worker = new ReadableWorker(hash, (job, token) => perform(hash, job, token as string), {
      connection: redis, prefix: own, concurrency: atOnce, lockDuration: lockMs, stalledInterval: Math.max(200, lockMs / 2), maxStalledCount: mostCrashes, drainDelay: 5,
      runRetryDelay: 500,
      settings: { backoffStrategy: (failed, _type, _error, job) => backoffMs(failed, ...(((job?.data as Kept | undefined)?.back ?? [1000, 60_000]))) },
    })
    worker.on('error', noteFailure)
    worker.on('completed', (job, ended) => tellEnded(job, ended.k))
    worker.on('failed', (job) => {
      if (job?.finishedOn) tellEnded(job, 'failed')
      else metrics.count('jobs_retried')
    })
    entry.worker = worker
  }

  function stopWork(entry: Work): void {
    const { worker } = entry
    if (!worker) return
    entry.worker = undefined
    entry.orphans = false
    const done: Promise<unknown> = worker.close().catch(() => {}).finally(() => closing.delete(done))
    closing.add(done)
  }

  function tellEnded(job: KeptJob, state: string): void {
    metrics.count('jobs_ended', { state })
    const id = job.id as string
    if (job.data.w === gateway) waits.tell(id)
    else if (job.data.w) void redis.publish(keys.ended(job.data.w), id).catch(() => {})
  }

  function noteFailure(error: unknown): void {
    if (!closed) log.debug({ cause: error instanceof Error ? error.message : String(error) }, 'jobs in Redis failed for a moment')
  }

  async function perform(hash: string, job: KeptJob, token: string): Promise<Ended> {
    const id = job.id as string
    const { data } = job
    if ((await redis.exists(keys.mark(id))) > 0) return { k: 'done' } // cancelled: its mark says so
    if (data.expires < time() && job.attemptsMade === 0 && job.stalledCounter === 0) return { k: 'expired' }
    const handler = works.get(hash)?.handlers.of(data.r)
    if (!handler) return await noHandler(hash, job, token)
    let body: unknown
    try {
      if (!seal) throw new Error('there is no key')
      body = seal.unseal(id, 'body', data.s)
    } catch (error) {
      throw new UnrecoverableError(reasonOf(fault('job.undecodable', seal ? {} : { reason: 'this gateway has no key' }, error)))
    }
    const last = job.attemptsMade + 1 >= (job.opts.attempts ?? 1)
    const progress = createProgressNotes((latest) => job.updateProgress(latest))
    const facts = toFacts(job, 'running')
    const ended = await attempts.run(handler, { facts, body, last, progress: progress.note })
    await progress.flush()
    return await end(job, token, ended)
  }

  async function end(job: KeptJob, token: string, ended: AttemptEnd): Promise<Ended> {
    const id = job.id as string
    if (ended.kind === 'again') return await putOff(job, token, ended.afterMs)
    let sealed: string | undefined
    try {
      sealed = ended.result === undefined ? undefined : seal?.seal(id, 'result', ended.result)
    } catch (error) {
      if (ended.kind === 'done') throw new UnrecoverableError(reasonOf(error))
    }
    if (ended.kind === 'done') return { k: 'done', ...(sealed === undefined ? {} : { s: sealed }) }
    if (sealed !== undefined) await redis.set(`${keys.mark(id)}:result`, sealed, 'PX', Math.max(deadMs, job.data.keep))
    const reason = reasonOf(ended)
    throw ended.final ? new UnrecoverableError(reason) : new Error(reason)
  }

  async function putOff(job: KeptJob, token: string, afterMs: number): Promise<never> {
    await job.moveToDelayed(Date.now() + Math.max(1, afterMs), token)
    throw new DelayedError()
  }

  /** Another gateway may still be on the way to the revision that can do it. */
  async function noHandler(hash: string, job: KeptJob, token: string): Promise<never> {
    const seenMs = Number(await redis.hget(keys.seen, hash))
    if (!watch.isOrphaned(seenMs, time())) return await putOff(job, token, Math.min(1000, orphanMs))
    throw new UnrecoverableError(reasonOf(fault('job.no_revision', { flow: job.data.f, node: job.data.n })))
  }

  async function load(id: string): Promise<{ readonly job: KeptJob | undefined; readonly state: string; readonly mark: JobFacts | undefined }> {
    const hash = workOfId(id)
    if (hash === undefined) return { job: undefined, state: '', mark: undefined }
    return await ask(async () => {
      // The state first: what is known of a job that has ended then is all there is.
      const state = await queueOf(hash).getJobState(id)
      const [mark, job] = await Promise.all([redis.get(keys.mark(id)), queueOf(hash).getJob(id) as Promise<KeptJob | undefined>])
      return { job, state, mark: mark === null ? undefined : (JSON.parse(mark) as JobFacts) }
    })
  }

  async function find(id: string): Promise<JobFacts | undefined> {
    const { job, state, mark } = await load(id)
    if (mark) return mark
    if (!job) return undefined
    const said = toFacts(job, stateOf(job, state, time()))
    const facts = said.flow === '' ? named(said, await ask(() => redis.hget(keys.works, workOfId(id) as string))) : said
    const keepMs = facts.state === 'failed' ? Math.max(deadMs, job.data.keep) : job.data.keep
    return facts.endedAtMs !== undefined && facts.endedAtMs + keepMs < time() ? undefined : facts
  }

  function sweepLater(): void {
    cancelSweep = clock.setTimer(() => {
      void sweep().catch(noteFailure).finally(() => {
        if (!closed) sweepLater()
      })
    }, sweepMs)
  }

  /** Work that is not said again for `orphanMs` is nobody's. */
  async function sayDoing(): Promise<void> {
    const doing = [...works].filter(([, { handlers }]) => handlers.newest)
    if (doing.length > 0) await redis.hset(keys.seen, Object.fromEntries(doing.map(([hash]) => [hash, String(time())])))
  }

  /** Says what this gateway does, forgets what is over, and finds work that nobody does any more. */
  async function sweep(): Promise<void> {
    if (redis.status !== 'ready' || closed) return
    await check()
    await sayDoing()
    const [names, seen, paused] = await Promise.all([redis.hgetall(keys.works), redis.hgetall(keys.seen), pauses.flows()])
    const now = time()
    watch.swept(now)
    let [pending, running, dead] = [0, 0, 0]
    for (const [hash, name] of Object.entries(names)) {
      if (closed) return
      const queue = queueOf(hash)
      const [counts, isPaused] = await Promise.all([queue.getJobCounts(...waitingTypes, 'active', 'failed', 'completed'), queue.isPaused()])
      if (isPaused !== paused.has(flowOf(name))) await pauses.apply(hash, flowOf(name))
      if ((counts['delayed'] ?? 0) > 0) await hasten(queue, redis)
      const waiting = waitingTypes.reduce((sum, type) => sum + (counts[type] ?? 0), 0)
      pending += waiting
      running += counts['active'] ?? 0
      dead += counts['failed'] ?? 0
      const entry = works.get(hash) as Work
      if (entry.handlers.newest) continue
      const orphaned = watch.isOrphaned(Number(seen[hash] ?? 0), now)
      if (orphaned && waiting + (counts['active'] ?? 0) > 0 && taking) {
        entry.orphans = true
        work(hash, 1)
      } else if (entry.orphans) stopWork(entry)
      if (orphaned && waiting + (counts['active'] ?? 0) + (counts['failed'] ?? 0) + (counts['completed'] ?? 0) === 0) await redis.hdel(keys.works, hash)
    }
    counted = { pending, running, dead, paused: paused.size }
  }

  return {
    shared: true,
    get healthy() {
      return redis.status === 'ready'
    },
    get unsafe() {
      return condition.unsafe
    },
    open(spec: WorkSpec, performs: Perform) {
      const hash = workHash(spec)
      const entry = workOf(spec, hash)
      const remove = entry.handlers.add(spec, performs)
      void redis.hset(keys.works, hash, JSON.stringify([spec.flow, spec.node, spec.part ?? ''])).catch(() => {})
      void redis.hset(keys.seen, hash, String(time())).catch(() => {})
      entry.orphans = false
      if (!seal && !saidKey) log.error({}, 'SLUICE_JOB_KEY is not set: no work for later is accepted in Redis')
      saidKey = true
      void check()
      const queue = queueOf(hash)
      void (spec.atOnceOfAll === undefined ? queue.removeGlobalConcurrency() : queue.setGlobalConcurrency(spec.atOnceOfAll)).catch(() => {})
      // It may be new to a flow that is paused. Begun before this is known, an attempt goes on.
      void pauses.apply(hash, spec.flow).catch(() => {})
      if (taking) work(hash, spec.atOnce)
      let given = false
      return () => {
        if (given) return
        given = true
        remove()
        if (!entry.handlers.newest) stopWork(entry)
      }
    },
    async accept(job: NewJob) {
      if (!seal) throw fault('job.no_key')
      const id = jobId(job.work, job.key)
      const hash = workHash(job.work)
      const sealed = seal.seal(id, 'body', job.body)
      const now = time()
      const { flow, node, part } = job.work
      const data: Kept = { f: flow, n: node, ...(part === undefined ? {} : { p: part }), r: job.revision, o: job.owner, s: sealed, expires: now + job.ttlMs + (job.delayMs ?? 0), ttl: job.ttlMs, keep: job.keepMs, back: [job.backoffMs, job.backoffMostMs], w: gateway }
      const queue = queueOf(hash)
      if (!condition.checked) await ask(check)
      if (condition.unsafe !== undefined && whenUnsafe === 'refuse') throw fault('job.unsafe', { reason: condition.unsafe })
      return await ask(async () => {
        const counts = await queue.getJobCounts(...waitingTypes)
        const waiting = Object.values(counts).reduce((sum, count) => sum + count, 0)
        if (waiting >= job.maxPending && !(await queue.getJob(id))) throw fault('job.full', { limit: job.maxPending }, undefined, { 'Retry-After': '10' })
        const added = await queue.add(jobName, data, {
          jobId: id, timestamp: now, priority: ranked(job.priority), delay: job.delayMs ?? 0, attempts: job.attempts, backoff: { type: 'custom' },
          removeOnComplete: { age: Math.ceil(job.keepMs / 1000), limit: 100 }, removeOnFail: { age: Math.ceil(Math.max(deadMs, job.keepMs) / 1000), limit: 100 }, stackTraceLimit: 0,
        }) as KeptJob
        metrics.count('jobs_accepted')
        return toFacts(added, 'pending')
        // Whoever asked was told that it is not accepted.
      }, ({ id: late }) => void queue.remove(late).catch(() => {}))
    },
    find,
    async result(id) {
      const { job, mark } = await load(id)
      if (!job || mark || !seal) return undefined
      const sealed = job.returnvalue?.s ?? (job.failedReason ? await ask(() => redis.get(`${keys.mark(id)}:result`)) : undefined)
      return sealed ? seal.unseal(id, 'result', sealed) : undefined
    },
    async settled(id, limitMs) {
      const untilMs = clock.elapsed() + limitMs
      const look = async () => {
        const facts = await find(id)
        return facts && facts.state !== 'pending' && facts.state !== 'running' ? facts : undefined
      }
      // The gateway that accepted it is told of its end, unless that was said while Redis was away; another one looks.
      const own = (await load(id)).job?.data.w === gateway
      for (;;) {
        const leftMs = untilMs - clock.elapsed()
        const told = leftMs > 0 ? waits.wait(id, Math.min(leftMs, own ? lookAgainMs : lookEveryMs)) : undefined
        const now = await look()
        if (now || !told || closed) {
          waits.tell(id)
          return now
        }
        await told
      }
    },
    async cancel(id) {
      const facts = await find(id)
      if (!facts || (facts.state !== 'pending' && facts.state !== 'running')) return facts
      const { job } = await load(id)
      const after: JobFacts = { ...facts, state: 'cancelled', endedAtMs: time() }
      await ask(async () => {
        await redis.set(keys.mark(id), JSON.stringify(after), 'PX', Math.max(job?.data.keep ?? 0, 60_000))
        await redis.multi().lpush(keys.cancelled, id).ltrim(keys.cancelled, 0, mostCancelled - 1).publish(keys.cancel, id).exec()
        attempts.cancel(id)
        if (facts.state === 'pending') await job?.remove().catch(() => {}) // begun meanwhile: its mark ends it
      })
      metrics.count('jobs_ended', { state: 'cancelled' })
      waits.tell(id)
      return after
    },
    async retry(id) {
      const { job, mark } = await load(id)
      if (mark || !job) return mark
      await ask(async () => {
        const state = await job.getState()
        if (state === 'failed') await again(job, 'failed')
        else if (state === 'completed' && job.returnvalue?.k === 'expired') await again(job, 'completed')
        else if (state === 'delayed') await job.promote()
      })
      return await find(id)
    },
    async move(id, to) {
      const { job, mark } = await load(id)
      if (mark || !job) return mark
      await ask(async () => {
        if ((waitingTypes as string[]).includes(await job.getState())) await job.changePriority({ priority: ranked(to) })
      })
      return await find(id)
    },
    async pause(flow) {
      counted = { ...counted, paused: await ask(() => pauses.set(flow, true)) }
    },
    async resume(flow) {
      counted = { ...counted, paused: await ask(() => pauses.set(flow, false)) }
    },
    flows: () => ask(() => pauses.list()),
    list,
    async unfinished(work, withoutKey) {
      const queue = queueOf(workHash(work))
      return await ask(async () => {
        const counts = await queue.getJobCounts(...waitingTypes, 'active')
        const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
        if (all === 0) return 0
        const state = await queue.getJobState(jobId(work, withoutKey))
        return state === 'active' || (waitingTypes as string[]).includes(state) || state === 'waiting' ? all - 1 : all
      })
    },
    counts: () => counted,
    async advance(name, to) {
      const before = await ask(() => (redis as unknown as { sluiceAdvance(key: string, name: string, to: number): Promise<string | null> }).sluiceAdvance(keys.advance, name, to))
      return before === null ? undefined : Number(before)
    },
    connected: (limitMs) => whenReady(redis, clock, limitMs),
    drain() {
      taking = false
      for (const { worker } of works.values()) void worker?.pause(true).catch(() => {})
    },
    async close() {
      if (closed) return
      taking = false
      await attempts.idle()
      const away = redis.status !== 'ready'
      closed = true
      questions.close()
      cancelSweep?.()
      waits.tellAll()
      const workers = [...works.values()].flatMap(({ worker }) => (worker ? [worker.close(away)] : []))
      await Promise.race([Promise.allSettled([...workers, ...closing]), new Promise<void>((resolve) => clock.setTimer(resolve, 5000))])
      await Promise.race([Promise.allSettled([...works.values()].flatMap(({ queue }) => (queue ? [queue.close()] : []))), new Promise<void>((resolve) => clock.setTimer(resolve, 1000))])
      redis.disconnect()
      ears.disconnect()
    },
    kill() {
      closed = true
      questions.close()
      taking = false
      cancelSweep?.()
      for (const { worker } of works.values()) {
        // Nothing is renewed and nothing is given back from here on.
        void worker?.close(true).catch(() => {})
      }
      redis.disconnect()
      ears.disconnect()
    },
  }

  async function again(job: KeptJob, state: 'failed' | 'completed'): Promise<void> {
    await job.updateData({ ...job.data, expires: time() + job.data.ttl })
    await job.retry(state, { resetAttemptsMade: true, resetAttemptsStarted: true })
  }
}
