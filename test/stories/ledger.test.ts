import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { TravellingRecord } from '../../runtime/core/state/ledger.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createLedger } from '../../runtime/ledger/create-ledger.ts'
import { createRecordLine } from '../../runtime/sync/record-line.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { openOwnLedgers, travelling } from '../kit/own-ledgers.ts'
import { until } from '../kit/planes.ts'
import { root } from '../kit/sources.ts'
import { admin, openWhole, type Whole } from '../kit/whole-product.ts'

describe('records of flows', () => {
  let whole: Whole
  const get = async (path: string) => {
    const answer = await fetch(`${whole.url}${path}`)
    return { status: answer.status, body: (await answer.json()) as any }
  }
  const numbered = 'msg.payload = msg.record\nreturn msg'

  beforeAll(async () => {
    whole = await openWhole()
    await whole.deploy(
      estate(
        flow('waits').httpIn('GET', '/waits/:id').node('record', { ledger: 'claims', purpose: 'benefits', timeoutMs: 1000 }).fn(numbered).httpResponse(),
        flow('soon').httpIn('GET', '/soon').node('record', { ledger: 'visits', what: 'value', value: '{"seen":true}', valueType: 'json', mode: 'soon' }).fn(numbered).httpResponse(),
      ),
    )
    await whole.inStep()
  }, 30_000)
  afterAll(async () => await whole?.close())

  test('a call is answered with the number of its record, which says who, when and what for, and nothing the caller wrote', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => get('/waits/A123456789')))
    expect(new Set(answers.map(({ body }) => body.number))).toEqual(new Set([1, 2, 3]))
    const { items } = await whole.control.ledgers.entries('claims', {}, admin)
    expect(items[0]).toMatchObject({ number: 3, source: { flow: 'waits' }, value: { method: 'GET', route: '/waits/:id', client: null, purpose: 'benefits' } })
    expect(JSON.stringify(items)).not.toContain('A123456789')
    expect(answers.map(({ body }) => body.hash)).toContain(items[0]!.hash)
    expect(await whole.control.ledgers.verify('claims', {}, admin)).toMatchObject({ ok: true, to: 3 })
  })

  test('while control is away a call that needs its number is refused, others go on; afterwards each record is there once', async () => {
    await whole.stop()
    expect(await get('/waits/1')).toMatchObject({ status: 503, body: { code: 'ledger.unavailable' } })
    const answers = await Promise.all([1, 2, 3, 4].map(() => get('/soon')))
    expect(answers.map(({ status, body }) => [status, typeof body.id])).toEqual(Array.from({ length: 4 }, () => [200, 'string']))
    expect(whole.gateway.ledger.waiting).toBe(4)
    await whole.start()
    await until(() => whole.gateway.ledger.waiting === 0)
    const { items } = await whole.control.ledgers.entries('visits', {}, admin)
    expect(items.map(({ id }) => id).sort()).toEqual(answers.map(({ body }) => body.id as string).sort())
    expect(await get('/waits/1')).toMatchObject({ status: 200 })
  })

  test('a gateway that is killed while it writes has promised nothing that is lost, and nothing arrives twice', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-killed-'))
    for (let round = 0, promised = -1; round < 2; round++) {
      const child = fork(join(root, 'test/kit/record-child.ts'), [folder], { execArgv: ['--disable-warning=ExperimentalWarning'] })
      let told = 0
      await new Promise<void>((resolve) => child.on('message', () => ++told === 20 && resolve()))
      child.kill('SIGKILL')
      await new Promise((resolve) => child.once('exit', resolve))
      const ledger = createLedger({ folder: folder, clock: systemClock, log: silentLog, limitBytes: 64 * 1024 * 1024 })
      await ledger.open()
      let lost = 0
      const post = async ({ records }: { readonly records: readonly TravellingRecord[] }) => {
        const answers = await whole.control.ledgers.take('killed-gateway', records)
        if (lost++ === 0) throw new Error('the answer was lost')
        return { answers }
      }
      const line = createRecordLine({ queue: ledger.queue, clock: systemClock, log: silentLog, connected: () => true, post })
      await until(() => ledger.waiting === 0)
      line.close()
      await ledger.close()
      const { items } = await whole.control.ledgers.entries('killed', { limit: 200 }, admin)
      const values = items.map(({ value }) => value as number).reverse().slice(promised + 1)
      expect(values.length).toBeGreaterThanOrEqual(told)
      expect(values).toEqual(values.map((_, place) => place))
      promised += values.length
    }
    rmSync(folder, { recursive: true, force: true })
    expect(await whole.control.ledgers.verify('killed', {}, admin)).toMatchObject({ ok: true })
  })
})

describe('a ledger whose control breaks down', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'sluice-broken-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

  test('two processes that write to it, and are killed in the middle, leave one whole chain with all that they promised', async () => {
    const first = await openOwnLedgers({ dataDir, shared: true }) // makes the tables
    const told = new Map<string, number>()
    const children = ['one', 'two'].map((name) => {
      const child = fork(join(root, 'test/kit/ledger-child.ts'), [dataDir, name], { execArgv: ['--disable-warning=ExperimentalWarning'] })
      let count = 0
      const busy = new Promise<void>((resolve) => child.on('message', ({ id, number }: { id: string; number: number }) => {
        told.set(id, number)
        if (++count === 60) resolve()
      }))
      return { child, busy, ended: new Promise((resolve) => child.once('exit', resolve)) }
    })
    for (const { child, busy, ended } of children) {
      await busy
      child.kill('SIGKILL')
      await ended
    }
    const verdict = await first.verify('shared', {}, admin)
    expect(verdict).toMatchObject({ ok: true, open: 0 })
    expect(verdict.to).toBeGreaterThanOrEqual(told.size)
    const kept = new Map<string, number>()
    for (let cursor: string | undefined; ;) {
      const page = await first.entries('shared', { limit: 200, ...(cursor === undefined ? {} : { cursor }) }, admin)
      for (const { id, number } of page.items) kept.set(id, number)
      if ((cursor = page.next) === undefined) break
    }
    expect([...told].filter(([id, number]) => kept.get(id) !== number)).toEqual([])
    // What was on its way to the witness when its process was killed is taken there by whoever comes after.
    await first.look()
    expect(await first.verify('shared', {}, admin)).toMatchObject({ ok: true })
    await first.close()
  })

  test('a full disk takes a record whole or not at all, and says so', async () => {
    const full = await openOwnLedgers({ dataDir, limitBytes: 2_000_000 })
    const promised: number[] = []
    let refused: unknown
    for (let turn = 0; refused === undefined && turn < 200; turn++) {
      await full.take('g1', [0, 1].map((place) => travelling(`${turn}-${place}`, 'x'.repeat(30_000)))).then(
        (answers) => void promised.push(...answers.flatMap((answer) => ('number' in answer ? [answer.number] : []))),
        (thrown: unknown) => void (refused = thrown),
      )
    }
    expect(refused).toMatchObject({ code: 'store.unavailable', status: 503 })
    expect((await full.get('shared', admin)).entries).toBe(promised.length)
    await full.close()
    const again = await openOwnLedgers({ dataDir })
    expect(await again.verify('shared', {}, admin)).toMatchObject({ ok: true, to: promised.length })
    expect(await again.take('g1', [travelling('after', 1)])).toMatchObject([{ number: promised.length + 1 }])
    await again.close()
  })
})
