import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Attempt, AttemptEnd, JobFacts, Jobs, NewJob, Perform, WorkSpec } from '../../runtime/core/jobs/jobs.ts'

/** Where jobs are kept. Each `open` is a gateway of its own where the store is shared, else the same one once more. */
export interface JobsPlace {
  open(): Promise<Jobs>
  /** All that is kept, as whoever got hold of it would see it. */
  dump(): Promise<string>
  close(): Promise<void>
}

/** What accepted work has to keep, wherever it is kept. */
export function jobsSuite(name: string, makePlace: () => Promise<JobsPlace>): void {
  describe(`jobs in ${name}`, { timeout: 30_000 }, () => {
    let place: JobsPlace
    let opened: Jobs[] = []
    let works = 0
    beforeAll(async () => {
      place = await makePlace()
    })
    afterAll(() => place?.close())
    afterEach(async () => {
      await Promise.all(opened.map((jobs) => jobs.close()))
      opened = []
    })

    async function open(): Promise<Jobs> {
      const jobs = await place.open()
      opened.push(jobs)
      return jobs
    }
    const nextWork = (more: Partial<WorkSpec> = {}): WorkSpec => ({ flow: 'orders', node: `node ${++works}`, revision: 'a', atOnce: 5, ...more })
    const job = (work: WorkSpec, body: unknown, more: Partial<NewJob> = {}): NewJob => ({
      work: { flow: work.flow, node: work.node, ...(work.part === undefined ? {} : { part: work.part }) }, revision: work.revision, body, owner: '', priority: 5,
      attempts: 3, backoffMs: 20, backoffMostMs: 100, ttlMs: 60_000, keepMs: 60_000, maxPending: 1000, ...more,
    })
    const ended = async (jobs: Jobs, { id }: JobFacts) => await jobs.settled(id, 15_000)
    const done: Perform = async ({ body }) => ({ kind: 'done', result: { of: body } })

    test('what is accepted is done, and whoever asks finds what it came to', async () => {
      const jobs = await open()
      const work = nextWork()
      jobs.open(work, done)
      const accepted = await jobs.accept(job(work, { n: 1, text: '台北' }, { owner: 'app-1' }))
      expect(accepted).toMatchObject({ flow: 'orders', node: work.node, revision: 'a', owner: 'app-1', attempts: 3 })
      expect(await ended(jobs, accepted)).toMatchObject({ id: accepted.id, state: 'done', owner: 'app-1', startedAtMs: expect.any(Number), endedAtMs: expect.any(Number) })
      expect(await jobs.result(accepted.id)).toEqual({ of: { n: 1, text: '台北' } })
    })

    test('ids cannot be guessed, and what is no id is nobody’s', async () => {
      const jobs = await open()
      const work = nextWork()
      const ids = await Promise.all(Array.from({ length: 20 }, async (_, n) => (await jobs.accept(job(work, n))).id))
      expect(new Set(ids).size).toBe(20)
      for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9]{12}\.[\w-]{24}$/)
      for (const id of ['', '..', 'x', `${ids[0]}x`, '../jobs', `${ids[0]}:lock`, 'a'.repeat(10_000)]) expect(await jobs.find(id)).toBeUndefined()
    })

    test('one key is accepted once, however often it comes', async () => {
      const jobs = await open()
      const work = nextWork()
      let times = 0
      jobs.open(work, async () => {
        times += 1
        return { kind: 'done' }
      })
      const facts = await Promise.all(Array.from({ length: 10 }, () => jobs.accept(job(work, 1, { key: 'once' }))))
      await ended(jobs, facts[0]!)
      await jobs.accept(job(work, 1, { key: 'once' }))
      await pause(100)
      expect([new Set(facts.map(({ id }) => id)).size, times]).toEqual([1, 1])
    })

    test('nothing that was given or came out is readable where it is kept', async () => {
      const jobs = await open()
      const work = nextWork()
      jobs.open(work, async () => ({ kind: 'done', result: 'a secret answer' }))
      const later = await jobs.accept(job(nextWork(), 'a secret question', { owner: 'app-7' }))
      const accepted = await jobs.accept(job(work, 'a secret question'))
      await ended(jobs, accepted)
      const dump = await place.dump()
      expect(dump).toContain(later.id.slice(13))
      expect(dump).not.toContain('secret')
    })

    test('what fails is tried again, with the same id, until an attempt ends well', async () => {
      const jobs = await open()
      const work = nextWork()
      const seen: [number, boolean, string][] = []
      jobs.open(work, async ({ facts, last }): Promise<AttemptEnd> => {
        seen.push([facts.attempt, last, facts.id])
        if (facts.attempt < 3) throw new Error('not yet')
        return { kind: 'done', result: 'at last' }
      })
      const accepted = await jobs.accept(job(work, {}))
      expect(await ended(jobs, accepted)).toMatchObject({ state: 'done' })
      expect(seen).toEqual([[1, false, accepted.id], [2, false, accepted.id], [3, true, accepted.id]])
    })

    test('what fails to the end is a dead letter with its reason; replayed, it begins anew', async () => {
      const jobs = await open()
      const work = nextWork()
      let broken = true
      let times = 0
      jobs.open(work, async () => {
        times += 1
        return broken ? { kind: 'failed', code: 'upstream.status', message: 'It answered 503.' } : { kind: 'done', result: 'mended' }
      })
      const accepted = await jobs.accept(job(work, {}))
      expect(await ended(jobs, accepted)).toMatchObject({ state: 'failed', attempt: 3, reason: { code: 'upstream.status', message: 'It answered 503.' } })
      expect(await jobs.list({ state: 'failed', limit: 100 })).toContainEqual(expect.objectContaining({ id: accepted.id, state: 'failed' }))
      expect(times).toBe(3)
      broken = false
      expect(await jobs.retry(accepted.id)).toMatchObject({ id: accepted.id })
      await expect.poll(async () => (await jobs.find(accepted.id))?.state, { timeout: 10_000 }).toBe('done')
      expect(await jobs.result(accepted.id)).toBe('mended')
    })

    test('what cannot end well is not tried again', async () => {
      const jobs = await open()
      const work = nextWork()
      let times = 0
      jobs.open(work, async () => {
        times += 1
        return { kind: 'failed', code: 'schema.invalid', message: 'No.', final: true, result: { why: 'no' } }
      })
      const accepted = await jobs.accept(job(work, {}))
      expect(await ended(jobs, accepted)).toMatchObject({ state: 'failed', reason: { code: 'schema.invalid' } })
      expect(times).toBe(1)
      expect(await jobs.result(accepted.id)).toEqual({ why: 'no' })
    })

    test('an attempt that did not really begin does not count', async () => {
      const jobs = await open()
      const work = nextWork()
      let times = 0
      jobs.open(work, async (): Promise<AttemptEnd> => (++times < 6 ? { kind: 'again', afterMs: 5 } : { kind: 'done' }))
      const accepted = await jobs.accept(job(work, {}, { attempts: 2 }))
      expect(await ended(jobs, accepted)).toMatchObject({ state: 'done' })
      expect(times).toBe(6)
    })

    test('no more are under way than may be, and every one has its turn', async () => {
      const jobs = await open()
      const work = nextWork({ atOnce: 3 })
      let [under, most, turns] = [0, 0, 0]
      jobs.open(work, async () => {
        most = Math.max(most, ++under)
        await pause(5)
        under -= 1
        turns += 1
        return { kind: 'done' }
      })
      const all = await Promise.all(Array.from({ length: 60 }, (_, n) => jobs.accept(job(work, n))))
      await Promise.all(all.map((facts) => ended(jobs, facts)))
      expect({ turns, most }).toEqual({ turns: 60, most: 3 })
    })

    test('the more important goes first, then who came first', async () => {
      const jobs = await open()
      const work = nextWork({ atOnce: 1 })
      const accepted: JobFacts[] = []
      for (const [name, priority] of [['nine', 9], ['five', 5], ['zero', 0], ['five again', 5]] as const) accepted.push(await jobs.accept(job(work, name, { priority })))
      const order: unknown[] = []
      jobs.open(work, async ({ body }) => {
        order.push(body)
        return { kind: 'done' }
      })
      await Promise.all(accepted.map((facts) => ended(jobs, facts)))
      expect(order).toEqual(['zero', 'five', 'five again', 'nine'])
    })

    test('one that waits begins earlier or later when it is given another priority, also one that is put off', async () => {
      const jobs = await open()
      const work = nextWork({ atOnce: 1 })
      const [urgent, late, delayed] = [await jobs.accept(job(work, 'urgent', { priority: 9 })), await jobs.accept(job(work, 'late', { priority: 1 })), await jobs.accept(job(work, 'delayed', { priority: 9, delayMs: 60_000 }))]
      await jobs.accept(job(work, 'usual'))
      expect(await jobs.move(urgent.id, 0)).toMatchObject({ id: urgent.id, state: 'pending', priority: 0 })
      expect(await jobs.move(late.id, 9)).toMatchObject({ priority: 9 })
      expect(await jobs.move(delayed.id, 2)).toMatchObject({ state: 'pending', priority: 2 })
      expect(await jobs.move(`${urgent.id.slice(0, 13)}none`, 0)).toBeUndefined()
      await jobs.retry(delayed.id) // at once
      const order: unknown[] = []
      jobs.open(work, async ({ body }) => {
        order.push(body)
        return { kind: 'done' }
      })
      expect(await ended(jobs, late)).toMatchObject({ state: 'done', priority: 9 })
      expect(order).toEqual(['urgent', 'delayed', 'usual', 'late'])
      expect(await jobs.move(urgent.id, 5)).toMatchObject({ state: 'done', priority: 0 })
    })

    test('jobs beyond the limit of a work are refused, those of others are not', async () => {
      const jobs = await open()
      const work = nextWork()
      for (let n = 0; n < 3; n += 1) await jobs.accept(job(work, n, { maxPending: 3 }))
      await expect(jobs.accept(job(work, 4, { maxPending: 3 }))).rejects.toMatchObject({ code: 'job.full', status: 503 })
      await jobs.accept(job(nextWork(), 0, { maxPending: 3 }))
    })

    test('a message too large for a job is refused, a result too large fails the job', async () => {
      const jobs = await open()
      const work = nextWork()
      jobs.open(work, async () => ({ kind: 'done', result: 'x'.repeat(300_000) }))
      await expect(jobs.accept(job(work, 'x'.repeat(300_000)))).rejects.toMatchObject({ code: 'job.too_large', status: 413 })
      expect(await ended(jobs, await jobs.accept(job(work, 'x'.repeat(200_000))))).toMatchObject({ state: 'failed', reason: { code: 'job.too_large' } })
    })

    test('a job that waits can be cancelled, and is never begun', async () => {
      const jobs = await open()
      const work = nextWork()
      const accepted = await jobs.accept(job(work, {}))
      expect(await jobs.cancel(accepted.id)).toMatchObject({ state: 'cancelled' })
      let begun = false
      jobs.open(work, async () => {
        begun = true
        return { kind: 'done' }
      })
      await pause(200)
      expect([begun, (await jobs.find(accepted.id))?.state]).toEqual([false, 'cancelled'])
      expect((await jobs.list({ state: 'cancelled', limit: 10 })).map(({ id }) => id)).toContain(accepted.id)
    })

    test('an attempt under way is told that its job is cancelled, and what it comes to is not kept', async () => {
      const jobs = await open()
      const work = nextWork()
      let began = () => {}
      const beginning = new Promise<void>((resolve) => (began = resolve))
      jobs.open(work, ({ onCancel }: Attempt) => new Promise((resolve) => {
        onCancel(() => resolve({ kind: 'done', result: 'too late' }))
        began()
      }))
      const accepted = await jobs.accept(job(work, {}))
      await beginning
      expect(await jobs.cancel(accepted.id)).toMatchObject({ state: 'cancelled' })
      await pause(100)
      expect([(await jobs.find(accepted.id))?.state, await jobs.result(accepted.id)]).toEqual(['cancelled', undefined])
      expect(await jobs.cancel(accepted.id)).toMatchObject({ state: 'cancelled' })
    })

    test('a job that was not begun in its time expires, and is never begun', async () => {
      const jobs = await open()
      const work = nextWork()
      const accepted = await jobs.accept(job(work, {}, { ttlMs: 30 }))
      await expect.poll(async () => (await jobs.find(accepted.id))?.state, { timeout: 5000 }).toBe('expired')
      let begun = false
      jobs.open(work, async () => {
        begun = true
        return { kind: 'done' }
      })
      await pause(300)
      expect([begun, (await jobs.find(accepted.id))?.state]).toEqual([false, 'expired'])
    })

    test('an outcome is forgotten after its time', async () => {
      const jobs = await open()
      const work = nextWork()
      jobs.open(work, done)
      const accepted = await jobs.accept(job(work, {}, { keepMs: 300 }))
      await ended(jobs, accepted)
      await expect.poll(async () => await jobs.find(accepted.id), { timeout: 5000 }).toBeUndefined()
    })

    test('whoever asks sees how far it is', async () => {
      const jobs = await open()
      const work = nextWork()
      let finish = () => {}
      jobs.open(work, ({ progress }) => new Promise((resolve) => {
        progress({ percent: 40, text: 'halfway' })
        finish = () => resolve({ kind: 'done' })
      }))
      const accepted = await jobs.accept(job(work, {}))
      await expect.poll(async () => await jobs.find(accepted.id), { timeout: 5000 }).toMatchObject({ state: 'running', progress: { percent: 40, text: 'halfway' } })
      finish()
      expect(await ended(jobs, accepted)).toMatchObject({ state: 'done' })
    })

    test('a delayed job waits for its time', async () => {
      const jobs = await open()
      const work = nextWork()
      const order: unknown[] = []
      jobs.open(work, async ({ body }) => {
        order.push(body)
        return { kind: 'done' }
      })
      const later = await jobs.accept(job(work, 'later', { delayMs: 400 }))
      const now = await jobs.accept(job(work, 'now'))
      await Promise.all([ended(jobs, later), ended(jobs, now)])
      expect(order).toEqual(['now', 'later'])
    })

    test('a job is done by the revision it was accepted on while that is there, by the newest otherwise', async () => {
      const jobs = await open()
      const work = nextWork({ revision: 'a' })
      const by = (revision: string): Perform => async () => ({ kind: 'done', result: revision })
      const [one, two] = [await jobs.accept(job(work, 1)), await jobs.accept(job({ ...work, revision: 'b' }, 2))]
      const closeA = jobs.open(work, by('a'))
      jobs.open({ ...work, revision: 'b' }, by('b'))
      await Promise.all([ended(jobs, one), ended(jobs, two)])
      closeA()
      const three = await jobs.accept(job(work, 3))
      await ended(jobs, three)
      expect(await Promise.all([one, two, three].map(({ id }) => jobs.result(id)))).toEqual(['a', 'b', 'b'])
    })

    test('what nobody can do any more becomes a dead letter that says so', async () => {
      const jobs = await open()
      const work = nextWork()
      const close = jobs.open(work, done)
      close()
      const accepted = await jobs.accept(job(work, {}))
      await expect.poll(async () => await jobs.find(accepted.id), { timeout: 25_000, interval: 200 }).toMatchObject({ state: 'failed', reason: { code: 'job.no_revision' } })
    })

    test('a stop gives back what it cannot finish, and a later start goes on with it', async () => {
      const first = await place.open()
      const work = nextWork()
      let began = () => {}
      const beginning = new Promise<void>((resolve) => (began = resolve))
      let stop = () => {}
      first.open(work, () => new Promise((resolve) => {
        stop = () => resolve({ kind: 'again', afterMs: 0 })
        began()
      }))
      const accepted = await first.accept(job(work, 'go on', { attempts: 1 }))
      await beginning
      first.drain()
      stop()
      await first.close()
      const second = await open()
      second.open(work, done)
      expect(await ended(second, accepted)).toMatchObject({ state: 'done' })
    })

    test('a crash loses nothing: what waited and what was under way is done when somebody is there again', async () => {
      const first = await place.open()
      const work = nextWork({ atOnce: 2 })
      let begun = 0
      first.open(work, () => {
        begun += 1
        return new Promise(() => {})
      })
      const accepted = await Promise.all(Array.from({ length: 10 }, (_, n) => first.accept(job(work, n, { attempts: 1 }))))
      await expect.poll(() => begun, { timeout: 5000 }).toBe(2)
      first.kill()
      const second = await open()
      const did: unknown[] = []
      second.open(work, async ({ body }) => {
        did.push(body)
        return { kind: 'done' }
      })
      for (const facts of accepted) expect(await ended(second, facts)).toMatchObject({ state: 'done' })
      expect(did.toSorted((a, b) => Number(a) - Number(b))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    })

    test('work of a paused flow is accepted and not begun, also by who starts or is deployed meanwhile; resumed, it goes on', async () => {
      const flow = `paused ${++works}`
      const work = nextWork({ flow })
      const did: unknown[] = []
      const note: Perform = async ({ body }) => {
        did.push(body)
        return { kind: 'done' }
      }
      const first = await place.open()
      first.open(work, note)
      await ended(first, await first.accept(job(work, 'before')))
      await first.pause(flow)
      await first.pause(flow)
      const waiting = await first.accept(job(work, 'while it is paused'))
      await first.close()
      const second = await open()
      const late = nextWork({ flow })
      second.open(work, note)
      second.open(late, note)
      const other = nextWork()
      second.open(other, note)
      await pause(100)
      const later = await second.accept(job(late, 'new node'))
      await ended(second, await second.accept(job(other, 'other flow')))
      await pause(300)
      expect(did).toEqual(['before', 'other flow'])
      expect(await second.find(waiting.id)).toMatchObject({ state: 'pending' })
      expect((await second.flows()).find((one) => one.flow === flow)).toEqual({ flow, paused: true, pending: 2, running: 0, dead: 0 })
      await expect.poll(() => second.counts().paused).toBe(1)
      await second.resume(flow)
      for (const facts of [waiting, later]) expect(await ended(second, facts)).toMatchObject({ state: 'done' })
      expect([did.length, new Set(did)]).toEqual([4, new Set(['before', 'new node', 'other flow', 'while it is paused'])])
      expect((await second.flows()).find((one) => one.flow === flow)).toEqual({ flow, paused: false, pending: 0, running: 0, dead: 0 })
    })

    test('a pause lets attempts under way end; what fails meanwhile, what is put off and what is cancelled is not begun again', async () => {
      const flow = `paused ${++works}`
      const jobs = await open()
      const work = nextWork({ flow, atOnce: 1 })
      let begun = 0
      let finish: (end: AttemptEnd) => void = () => {}
      jobs.open(work, () => new Promise((resolve) => {
        begun += 1
        finish = resolve
      }))
      const [failing, cancelled] = [await jobs.accept(job(work, 1)), await jobs.accept(job(work, 2))]
      await expect.poll(() => begun, { timeout: 5000 }).toBe(1)
      await jobs.pause(flow)
      expect(await jobs.find(failing.id)).toMatchObject({ state: 'running' })
      finish({ kind: 'failed', code: 'upstream.status', message: 'It answered 503.' })
      await expect.poll(async () => (await jobs.find(failing.id))?.state, { timeout: 5000 }).toBe('pending')
      expect(await jobs.cancel(cancelled.id)).toMatchObject({ state: 'cancelled' })
      await pause(300)
      expect(begun).toBe(1)
      await jobs.retry(failing.id)
      await pause(100)
      expect(begun).toBe(1)
      await jobs.resume(flow)
      await expect.poll(() => begun, { timeout: 5000 }).toBe(2)
      finish({ kind: 'done' })
      expect(await ended(jobs, failing)).toMatchObject({ state: 'done' })
      await pause(100)
      expect(begun).toBe(2)
    })

    test('what nobody can do any more is not set aside while its flow is paused', async () => {
      const flow = `paused ${++works}`
      const jobs = await open()
      const work = nextWork({ flow })
      jobs.open(work, done)()
      await jobs.pause(flow)
      const accepted = await jobs.accept(job(work, {}))
      await pause(1500) // three times as long as it may wait for somebody
      expect(await jobs.find(accepted.id)).toMatchObject({ state: 'pending' })
      await jobs.resume(flow)
      await expect.poll(async () => (await jobs.find(accepted.id))?.state, { timeout: 25_000, interval: 200 }).toBe('failed')
    })

    test('a number under a name only grows, and everybody hears what it was', async () => {
      const jobs = await open()
      const name = `schedule ${++works}`
      expect([await jobs.advance(name, 5), await jobs.advance(name, 9), await jobs.advance(name, 7), await jobs.advance(name, 7)]).toEqual([undefined, 5, 9, 9])
    })
  })
}
