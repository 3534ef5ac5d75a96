import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/time/clock.ts'
import { fault } from '../../core/fault.ts'
import type { AttemptEnd, FlowWork, JobCounts, JobFacts, JobProgress, JobQuery, Jobs, JobState, NewJob, Perform, WorkSpec } from '../../core/jobs/jobs.ts'
import type { Log } from '../../core/log.ts'
import { makeFolder } from '../../core/files/make-folder.ts'
import { createSteadyTime } from '../steady-time.ts'
import { AttemptsUnderWay } from './attempt.ts'
import { backoffMs } from './backoff.ts'
import { Handlers } from './handlers.ts'
import { jobId, workHash, workOfId } from './job-id.ts'
import { JournalFile } from './journal-file.ts'
import { all, one, type Row, run, toFacts } from './journal-row.ts'
import { loadOwnKey } from './own-key.ts'
import { standardDeadMs, standardOrphanMs, sweepEveryMs } from './periods.ts'
import { crashed, mostCrashes, reasonOf } from './reason.ts'
import { createJobSeal, type JobSeal } from './sealed.ts'
import { SettleWaits } from './settle-waits.ts'

export interface JournalJobsOptions {
  /** Folder that only this gateway writes. */
  readonly folder: string
  /** 32 bytes; absent: made once and kept in the folder. */
  readonly key?: Buffer | undefined
  readonly clock: Clock
  readonly log: Log
  readonly metrics: { count(name: string, labels?: Readonly<Record<string, string>>): void }
  /** How long jobs wait for a revision that can do them; 5 minutes. */
  readonly orphanMs?: number
  /** How long dead letters are kept; 7 days. */
  readonly deadMs?: number
}

interface Work {
  readonly handlers: Handlers
  under: number
  cancelTimer: (() => void) | undefined
  /** Since when nobody here does it. */
  idleSinceMs: number
}

const sweepSize = 1000
const countedForMs = 1000
const unsettled = `state IN ('pending', 'running')`

/**
 * Jobs of one gateway, journaled in its own folder: on disk before they are accepted, done by the same gateway when it is back.
 * The file is opened when somebody needs it.
 */
export function createJournalJobs({ folder, key, clock, log, metrics, orphanMs = standardOrphanMs, deadMs = standardDeadMs }: JournalJobsOptions): Jobs {
  const path = join(folder, 'jobs.db')
  // A clock that is put forward or back makes nothing due, over or forgotten before or after its time.
  const time = createSteadyTime(clock)
  const works = new Map<string, Work>()
  const attempts = new AttemptsUnderWay()
  const waits = new SettleWaits(clock)
  const pending = new Map<string, number>()
  const progressOf = new Map<string, JobProgress>()
  let opened: { readonly file: JournalFile; readonly seal: JobSeal } | undefined
  let openedAtMs = 0
  let taking = true
  let closed = false
  let cancelSweep: (() => void) | undefined
  let countedAtMs = -Infinity
  const paused = new Set<string>()
  let counted: JobCounts = { pending: 0, running: 0, dead: 0, paused: 0 }

  function journal(): { readonly file: JournalFile; readonly seal: JobSeal } {
    if (closed) throw fault('job.unavailable', { reason: 'the gateway stops' })
    if (opened) return opened
    try {
      makeFolder(folder, 0o700)
      opened = { file: new JournalFile(path), seal: createJobSeal(key ?? loadOwnKey(folder)) }
    } catch (error) {
      throw fault('job.unavailable', { reason: 'the journal cannot be opened' }, error)
    }
    openedAtMs = time()
    recover(opened.file)
    sweepLater()
    return opened
  }

  /** What was under way when the process ended begins again, unless it was what ended the process. */
  function recover(file: JournalFile): void {
    const now = time()
    void file.write((database) => {
      run(database, `UPDATE jobs SET state = 'failed', endedMs = ?, reason = ? WHERE state = 'running' AND crashes + 1 >= ?`, now, crashed(), mostCrashes)
      run(database, `UPDATE jobs SET state = 'pending', crashes = crashes + 1, dueMs = 0 WHERE state = 'running'`)
      // Written down by a clock that was ahead: nobody waits for that longer than for the longest pause.
      run(database, `UPDATE jobs SET dueMs = ? + backoffMostMs WHERE state = 'pending' AND failed > 0 AND dueMs > ? + backoffMostMs`, now, now)
      for (const { flow } of all<{ flow: string }>(database, 'SELECT flow FROM pauses')) paused.add(flow)
      recount(database)
    }).catch(() => {})
    file.flush()
  }

  function recount(database: DatabaseSync): void {
    pending.clear()
    for (const { work, count } of all<{ work: string; count: number }>(database, `SELECT work, count(*) AS count FROM jobs WHERE state = 'pending' GROUP BY work`)) pending.set(work, count)
    recountStates(database)
  }

  function recountStates(database: DatabaseSync): void {
    countedAtMs = clock.elapsed()
    const states = new Map(all<{ state: JobState; count: number }>(database, `SELECT state, count(*) AS count FROM jobs WHERE state IN ('pending', 'running', 'failed') GROUP BY state`).map(({ state, count }) => [state, count]))
    counted = { pending: states.get('pending') ?? 0, running: states.get('running') ?? 0, dead: states.get('failed') ?? 0, paused: paused.size }
  }

  function more(work: string, by: number): void {
    pending.set(work, Math.max(0, (pending.get(work) ?? 0) + by))
  }

  function workOf(hash: string): Work {
    let work = works.get(hash)
    if (!work) works.set(hash, (work = { handlers: new Handlers(), under: 0, cancelTimer: undefined, idleSinceMs: time() }))
    return work
  }

  /** Takes what is due, as far as there is room. */
  function pump(hash: string): void {
    const work = works.get(hash)
    const spec = work?.handlers.newest
    if (!work || !spec || !taking || closed || paused.has(spec.flow)) return
    const room = Math.min(spec.atOnce, spec.atOnceOfAll ?? Infinity) - work.under
    if (room <= 0) return
    work.under += room // nobody else takes them meanwhile
    const { file } = journal()
    const now = time()
    file.write((database) => {
      const rows = all<Row>(database, `UPDATE jobs SET state = 'running', startedMs = ? WHERE place IN (SELECT place FROM jobs WHERE work = ? AND state = 'pending' AND dueMs <= ? ORDER BY priority, place LIMIT ?) RETURNING *, expiresMs`, now, hash, now, room)
      const next = rows.length === room ? undefined : one<{ dueMs: number | null }>(database, `SELECT min(dueMs) AS dueMs FROM jobs WHERE work = ? AND state = 'pending'`, hash)?.dueMs
      return { rows, next }
    }).then(({ rows, next }) => {
      work.under -= room - rows.length
      more(hash, -rows.length)
      for (const row of rows.toSorted((a, b) => a.place - b.place)) void perform(hash, work, row)
      if (next !== undefined && next !== null) wakeAt(hash, work, next)
    }, (error: unknown) => {
      work.under -= room
      log.error({ cause: String((error as Error).cause ?? error) }, 'jobs cannot be taken from the journal')
      wakeAt(hash, work, time() + 1000)
    })
  }

  function wakeAt(hash: string, work: Work, dueMs: number): void {
    work.cancelTimer?.()
    work.cancelTimer = clock.setTimer(() => pump(hash), Math.max(1, dueMs - time()))
  }

  async function perform(hash: string, work: Work, row: Row): Promise<void> {
    const { seal } = journal()
    try {
      const handler = work.handlers.of(row.revision)
      if (!handler) return await putBack(row, 0)
      if (row.expiresMs < row.startedMs! && row.failed === 0 && row.crashes === 0) return await settle(row, 'expired')
      let body: unknown
      try {
        body = seal.unseal(row.id, 'body', row.body)
      } catch {
        return await settle(row, 'failed', { reason: reasonText('job.undecodable') })
      }
      const last = row.failed + 1 >= row.attempts
      const ended = await attempts.run(handler, { facts: factsOf(row), body, last, progress: (progress) => void progressOf.set(row.id, progress) })
      await end(row, ended, last)
    } catch (error) {
      if (!closed) log.error({ job: row.id, cause: String((error as Error).cause ?? error) }, 'what a job came to could not be written down; it is done again')
      if (!closed) await putBack(row, 1000).catch(() => {})
    } finally {
      work.under -= 1
      pump(hash)
    }
  }

  async function end(row: Row, ended: AttemptEnd, last: boolean): Promise<void> {
    if (closed) return
    const { seal } = journal()
    if (ended.kind === 'again') return await putBack(row, ended.afterMs)
    let result: string | null = null
    let refused: string | undefined
    if (ended.result !== undefined) {
      try {
        result = seal.seal(row.id, 'result', ended.result)
      } catch (error) {
        refused = reasonOf(error)
      }
    }
    if (ended.kind === 'done') {
      if (refused) await settle(row, 'failed', { reason: refused })
      else await settle(row, 'done', { result })
      return
    }
    const reason = reasonOf(ended)
    if (last || ended.final) return await settle(row, 'failed', { reason, result })
    metrics.count('jobs_retried')
    const dueMs = time() + backoffMs(row.failed + 1, row.backoffMs, row.backoffMostMs)
    await back(row, dueMs, `failed = failed + 1, reason = ?`, reason)
  }

  async function putBack(row: Row, afterMs: number): Promise<void> {
    await back(row, afterMs > 0 ? time() + afterMs : 0, `startedMs = ?`, row.failed + row.crashes > 0 ? row.startedMs : null)
  }

  async function back(row: Row, dueMs: number, more_: string, value: SQLInputValue): Promise<void> {
    progressOf.delete(row.id)
    const { file } = journal()
    const changed = await file.write((database) => run(database, `UPDATE jobs SET state = 'pending', dueMs = ?, ${more_} WHERE id = ? AND state = 'running'`, dueMs, value, row.id))
    if (changed > 0) {
      more(row.work, 1)
      const work = works.get(row.work)
      if (work) wakeAt(row.work, work, dueMs)
    }
  }

  async function settle(row: Row, state: JobState, { reason = null, result = null }: { reason?: string | null; result?: string | null } = {}): Promise<void> {
    const progress = progressOf.get(row.id)
    progressOf.delete(row.id)
    const failed = state === 'failed' ? 1 : 0
    await journal().file.write((database) => run(database, `UPDATE jobs SET state = ?, endedMs = ?, reason = coalesce(?, reason), result = ?, progress = ?, failed = failed + ? WHERE id = ? AND state = 'running'`, state, time(), reason, result, progress ? JSON.stringify(progress) : null, failed, row.id))
    metrics.count('jobs_ended', { state })
    waits.tell(row.id)
  }

  function row(id: string): Row | undefined {
    if (workOfId(id) === undefined) return undefined
    const found = journal().file.read((database) => one<Row>(database, 'SELECT * FROM jobs WHERE id = ?', id))
    return found && (found.endedMs === null || keptUntilMs(found) > time()) ? found : undefined
  }

  function keptUntilMs({ endedMs, keepMs, state }: Row): number {
    return (endedMs ?? 0) + (state === 'failed' ? Math.max(deadMs, keepMs) : keepMs)
  }

  function factsOf(found: Row): JobFacts {
    return toFacts(found, time(), progressOf.get(found.id))
  }

  function sweepLater(): void {
    if (closed) return
    cancelSweep = clock.setTimer(() => {
      void sweep().catch(() => {}).finally(sweepLater)
    }, Math.min(sweepEveryMs, orphanMs))
  }

  /** Forgets what nobody may ask for any more, and sets aside what nobody can do. */
  async function sweep(): Promise<void> {
    const now = time()
    await journal().file.write((database) => {
      run(database, `DELETE FROM jobs WHERE place IN (SELECT place FROM jobs WHERE state IN ('done', 'cancelled', 'expired') AND endedMs + keepMs < ? LIMIT ?)`, now, sweepSize)
      run(database, `DELETE FROM jobs WHERE place IN (SELECT place FROM jobs WHERE state = 'failed' AND endedMs + max(keepMs, ?) < ? LIMIT ?)`, deadMs, now, sweepSize)
      for (const { work, flow, node } of all<{ work: string; flow: string; node: string }>(database, `SELECT DISTINCT work, flow, node FROM jobs WHERE state = 'pending'`)) {
        const known = works.get(work)
        if (known?.handlers.newest || paused.has(flow) || now - (known?.idleSinceMs ?? openedAtMs) < orphanMs) continue
        run(database, `UPDATE jobs SET state = 'failed', endedMs = ?, reason = ? WHERE work = ? AND state = 'pending'`, now, reasonText('job.no_revision', { flow, node }), work)
      }
      recount(database)
    })
  }

  if (existsSync(path)) {
    try {
      journal()
    } catch (error) {
      log.error({ cause: String((error as Error).cause ?? error) }, 'the journal of jobs cannot be opened: no work for later is accepted')
    }
  }

  return {
    shared: false,
    open(spec: WorkSpec, performs: Perform) {
      const hash = workHash(spec)
      const work = workOf(hash)
      const remove = work.handlers.add(spec, performs)
      try {
        journal()
        pump(hash)
      } catch (error) {
        log.error({ cause: String((error as Error).cause ?? error) }, 'the journal of jobs cannot be opened: no work for later is accepted')
      }
      return () => {
        remove()
        if (!work.handlers.newest) work.idleSinceMs = time()
      }
    },
    async accept(job: NewJob) {
      const { file, seal } = journal()
      const work = workHash(job.work)
      const id = jobId(job.work, job.key)
      const sealed = seal.seal(id, 'body', job.body)
      const now = time()
      const dueMs = job.delayMs ? now + job.delayMs : 0
      const { flow, node, part = null } = job.work
      const { found, inserted } = await file.write((database) => {
        const known = one<Row>(database, 'SELECT * FROM jobs WHERE id = ?', id)
        if (known) return { found: known, inserted: false }
        if ((pending.get(work) ?? 0) >= job.maxPending) return { found: undefined, inserted: false }
        run(
          database,
          `INSERT INTO jobs (id, work, flow, node, part, revision, owner, state, priority, body, acceptedMs, dueMs, expiresMs, attempts, backoffMs, backoffMostMs, keepMs) VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          id, work, flow, node, part, job.revision, job.owner, job.priority, sealed, now, dueMs, now + job.ttlMs, job.attempts, job.backoffMs, job.backoffMostMs, job.keepMs,
        )
        more(work, 1)
        return { found: one<Row>(database, 'SELECT * FROM jobs WHERE id = ?', id), inserted: true }
      })
      if (!found) throw fault('job.full', { limit: job.maxPending }, undefined, { 'Retry-After': '10' })
      if (inserted) {
        metrics.count('jobs_accepted')
        const known = works.get(work)
        if (known && dueMs > now) wakeAt(work, known, dueMs)
        else pump(work)
      }
      return factsOf(found)
    },
    async find(id) {
      const found = row(id)
      return found && factsOf(found)
    },
    async result(id) {
      const found = row(id)
      if (!found || found.result === null) return undefined
      return journal().seal.unseal(id, 'result', found.result)
    },
    async settled(id, limitMs) {
      const look = () => {
        const found = row(id)
        return found && !(found.state === 'pending' || found.state === 'running') ? factsOf(found) : undefined
      }
      const now = look()
      if (now || limitMs <= 0) return now
      await waits.wait(id, limitMs)
      return closed ? undefined : look()
    },
    async cancel(id) {
      const before = row(id)
      if (!before) return undefined
      const changed = await journal().file.write((database) => run(database, `UPDATE jobs SET state = 'cancelled', endedMs = ? WHERE id = ? AND ${unsettled}`, time(), id))
      if (changed > 0) {
        if (before.state === 'pending') more(before.work, -1)
        else attempts.cancel(id)
        metrics.count('jobs_ended', { state: 'cancelled' })
        waits.tell(id)
      }
      const after = row(id)
      return after && factsOf(after)
    },
    async retry(id) {
      const before = row(id)
      if (!before) return undefined
      const now = time()
      const changed = await journal().file.write((database) => {
        const again = run(database, `UPDATE jobs SET state = 'pending', dueMs = 0, failed = 0, crashes = 0, endedMs = NULL, result = NULL, startedMs = NULL, expiresMs = ? + (expiresMs - acceptedMs) WHERE id = ? AND state IN ('failed', 'expired')`, now, id)
        if (again > 0) more(before.work, 1)
        return again + run(database, `UPDATE jobs SET dueMs = 0 WHERE id = ? AND state = 'pending' AND dueMs > ?`, id, now)
      })
      if (changed > 0) pump(before.work)
      const after = row(id)
      return after && factsOf(after)
    },
    async move(id, to) {
      if (row(id) === undefined) return undefined
      await journal().file.write((database) => run(database, `UPDATE jobs SET priority = ? WHERE id = ? AND state = 'pending'`, to, id))
      const after = row(id)
      return after && factsOf(after)
    },
    async pause(flow) {
      await journal().file.write((database) => run(database, 'INSERT OR IGNORE INTO pauses (flow) VALUES (?)', flow))
      paused.add(flow)
      countedAtMs = -Infinity
    },
    async resume(flow) {
      await journal().file.write((database) => run(database, 'DELETE FROM pauses WHERE flow = ?', flow))
      paused.delete(flow)
      countedAtMs = -Infinity
      for (const [hash, { handlers }] of works) if (handlers.newest?.flow === flow) pump(hash)
    },
    async flows() {
      const byFlow = new Map<string, FlowWork>()
      const of = (flow: string) => byFlow.get(flow) ?? { flow, paused: paused.has(flow), pending: 0, running: 0, dead: 0 }
      for (const flow of [...paused, ...[...works.values()].flatMap(({ handlers }) => handlers.newest?.flow ?? [])]) byFlow.set(flow, of(flow))
      if (opened) {
        const rows = opened.file.read((database) => all<{ flow: string; state: JobState; count: number }>(database, `SELECT flow, state, count(*) AS count FROM jobs WHERE state IN ('pending', 'running', 'failed') GROUP BY flow, state`))
        for (const { flow, state, count } of rows) byFlow.set(flow, { ...of(flow), [state === 'failed' ? 'dead' : state]: count })
      }
      return [...byFlow.values()].toSorted((a, b) => (a.flow < b.flow ? -1 : 1))
    },
    async list({ state, flow, limit }: JobQuery) {
      if (!opened) return []
      return journal().file.read((database) =>
        all<Row>(database, `SELECT * FROM jobs WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR flow = ?2) ORDER BY place DESC LIMIT ?3`, state ?? null, flow ?? null, limit).map(factsOf))
    },
    async unfinished(work, withoutKey) {
      return journal().file.read((database) => one<{ count: number }>(database, `SELECT count(*) AS count FROM jobs WHERE work = ? AND id <> ? AND ${unsettled}`, workHash(work), jobId(work, withoutKey))?.count ?? 0)
    },
    counts() {
      if (opened && !closed && clock.elapsed() - countedAtMs >= countedForMs) opened.file.read(recountStates)
      return counted
    },
    async advance(name, to) {
      return await journal().file.write((database) => {
        const before = one<{ value: number }>(database, 'SELECT value FROM marks WHERE name = ?', name)?.value
        run(database, 'INSERT INTO marks (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)', name, to)
        return before
      })
    },
    drain() {
      taking = false
    },
    async close() {
      if (closed) return
      taking = false
      await attempts.idle()
      await new Promise((resolve) => setImmediate(resolve))
      closed = true
      cancelSweep?.()
      for (const work of works.values()) work.cancelTimer?.()
      opened?.file.close()
      waits.tellAll()
    },
    kill() {
      closed = true
      taking = false
      cancelSweep?.()
      for (const work of works.values()) work.cancelTimer?.()
      opened?.file.abandon()
    },
  }
}

function reasonText(code: 'job.undecodable' | 'job.no_revision', facts: Readonly<Record<string, unknown>> = {}): string {
  return reasonOf(fault(code, facts))
}
