import { randomUUID } from 'node:crypto'
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { open as openFile, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { silentLog } from '../core/log.ts'
import type { LedgerAnswer, TravellingRecord } from '../core/state/ledger.ts'
import { createRecordLine } from '../sync/record-line.ts'
import { systemClock } from '../core/time/clock.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { until } from '../../test/kit/planes.ts'
import { createLedger, type GatewayLedger } from './create-ledger.ts'

/** What an open file of this process is. */
function targetOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return '' // closed meanwhile
  }
}

/** A control that gives numbers, knows ids, and can be away. */
function fakeControl() {
  const taken: TravellingRecord[] = []
  const state = { away: false, loseAnswers: 0, refuse: '' }
  return {
    taken, state,
    async post({ records }: { readonly records: readonly TravellingRecord[] }): Promise<{ answers: LedgerAnswer[] }> {
      if (state.away) throw new Error('away')
      const answers = records.map((record): LedgerAnswer => {
        if (record.ledger === state.refuse) return { refused: 'ledger.refused' }
        let place = taken.findIndex(({ id }) => id === record.id)
        if (place === -1) place = taken.push(record) - 1
        return { ledger: record.ledger, number: place + 1, hash: 'ab' }
      })
      if (state.loseAnswers-- > 0) throw new Error('the answer was lost')
      return { answers }
    },
  }
}

describe('the records of a gateway', () => {
  let folder: string
  let ledger: GatewayLedger
  let control: ReturnType<typeof fakeControl>
  let line: ReturnType<typeof createRecordLine> | undefined

  const said: { readonly facts: object; readonly text: string }[] = []
  const log = { ...silentLog, error: (facts: object, text: string) => void said.push({ facts, text }) }
  /** Of processes that were killed: closed when the test is over, as the system would have. */
  const killed: GatewayLedger[] = []

  const open = async (limitBytes = 1e6) => {
    ledger = createLedger({ folder, clock: systemClock, log, limitBytes })
    await ledger.open()
  }
  const openAfterKill = async (limitBytes?: number) => {
    killed.push(ledger)
    await open(limitBytes)
  }
  const connect = () => (line = createRecordLine({ queue: ledger.queue, clock: systemClock, log: silentLog, connected: () => true, post: control.post }))
  const record = (value: unknown, name = 'claims') => ({ ledger: name, value, flow: 'f', node: 'n', run: 'r' })
  const soonFrom = (ms = 5000) => ({ deadline: Date.now() + ms })

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-records-'))
    control = fakeControl()
    await open()
  })
  afterEach(async () => {
    line?.close()
    line = undefined
    for (const one of [ledger, ...killed.splice(0)]) await one.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('whoever waits gets the number; the order is that of the calls', async () => {
    connect()
    const places = await Promise.all([1, 2, 3].map((value) => ledger.append(record(value), soonFrom())))
    expect(places.map(({ number }) => number)).toEqual([1, 2, 3])
    expect(control.taken.map(({ value }) => value)).toEqual([1, 2, 3])
  })

  test('a lost answer makes no second record', async () => {
    control.state.loseAnswers = 1
    connect()
    expect(await ledger.append(record('once'), soonFrom())).toMatchObject({ number: 1 })
    expect(control.taken).toHaveLength(1)
  })

  test('whoever waits in vain is told so, and holds up nobody', async () => {
    control.state.away = true
    connect()
    await expect(ledger.append(record(1), soonFrom(20))).rejects.toMatchObject({ code: 'ledger.unavailable' })
    const gone = new AbortController()
    const aborted = ledger.append(record(2), { ...soonFrom(), signal: gone.signal })
    gone.abort()
    await expect(aborted).rejects.toMatchObject({ code: 'ledger.unavailable' })
    expect(ledger.waiting).toBe(0)
    control.state.away = false
    line?.connected()
    expect(await ledger.append(record(3), soonFrom())).toMatchObject({ number: 1 })
  })

  test('what lies on the disk outlives the process, half a line at its end included, and arrives once, in order', async () => {
    for (let value = 0; value < 5; value++) await ledger.appendSoon(record(value))
    const left = readdirSync(join(folder, 'ledger'))
    appendFileSync(join(folder, 'ledger', left[0]!), '{"id":"torn","led')
    // Killed: nothing was closed. Control had the first three, and nobody heard its answer.
    await control.post({ records: ledger.queue.peek(3, 1e6) })
    await openAfterKill()
    for (let value = 5; value < 8; value++) await ledger.appendSoon(record(value))
    connect()
    await until(() => ledger.waiting === 0)
    expect(control.taken.map(({ value }) => value)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    await ledger.close()
    expect(readdirSync(join(folder, 'ledger'))).toEqual([])
  })

  test('a record that a ledger does not take is counted, and those behind it go on', async () => {
    control.state.refuse = 'others'
    connect()
    await ledger.appendSoon(record(1, 'others'))
    await ledger.appendSoon(record(2))
    await until(() => ledger.waiting === 0)
    expect([ledger.refused, control.taken.map(({ value }) => value)]).toEqual([1, [2]])
    await expect(ledger.append(record(3, 'others'), soonFrom())).rejects.toMatchObject({ code: 'ledger.refused' })
  })

  test('what waits is bounded, and so is one record', async () => {
    await ledger.close()
    await open(2000)
    await ledger.appendSoon(record('x'.repeat(1500)))
    await expect(ledger.appendSoon(record('x'.repeat(1500)))).rejects.toMatchObject({ code: 'ledger.unavailable' })
    await expect(ledger.append(record('x'.repeat(65_536)), soonFrom())).rejects.toMatchObject({ code: 'ledger.too_large' })
    for (const value of [undefined, 'a\0b', '\ud800', 1n]) await expect(ledger.appendSoon(record(value)), String(value)).rejects.toMatchObject({ code: 'ledger.value' })
  })

  test('backslashes before what looks like an escape are taken as they are', async () => {
    connect()
    const values = ['C:\\udata', 'C:\\u0000', '\\\\ud800', { 'D:\\UDATA': 1 }]
    for (const value of values) await ledger.append(record(value), soonFrom())
    expect(control.taken.map(({ value }) => value)).toEqual(values)
  })

  test('a new file that cannot be begun costs no record that lies in the file before', async () => {
    await ledger.close()
    await open(1e8)
    for (let place = 0; place < 18; place++) await ledger.appendSoon(record('x'.repeat(60_000)))
    const taken = ledger.queue.peek(17, 1e8)
    ledger.queue.answered(taken, (await control.post({ records: taken })).answers)
    const inTheWay = join(folder, 'ledger', '000000000002.jsonl')
    mkdirSync(inTheWay)
    await expect(ledger.appendSoon(record('next'))).rejects.toMatchObject({ code: 'ledger.unavailable' })
    await ledger.appendSoon(record('next'))
    rmSync(inTheWay, { recursive: true })
    // Killed: what is read again is all of the first file, and the record after it.
    await openAfterKill(1e8)
    expect(ledger.waiting).toBe(19)
  })

  test('a disk that is full costs nothing that was promised, and leaves nothing that was not', async () => {
    await ledger.appendSoon(record('before'))
    const handle = await openFile(join(folder, 'probe'), 'w')
    const files = Object.getPrototypeOf(handle) as FileHandle
    await handle.close()
    const write = files.appendFile
    const full = vi.spyOn(files, 'appendFile').mockImplementation(async function (this: FileHandle, text) {
      // A whole record of the batch, and half of the next one.
      await write.call(this, (text as string).slice(0, -20))
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
    })
    const refused = await Promise.allSettled([1, 2].map((value) => ledger.appendSoon(record(value))))
    full.mockRestore()
    expect(refused.map((one) => one.status === 'rejected' && (one.reason as { code: string }).code)).toEqual(['ledger.unavailable', 'ledger.unavailable'])
    expect(said.at(-1)).toMatchObject({ facts: { reason: 'ENOSPC' } })
    await ledger.appendSoon(record('after'))
    await openAfterKill()
    connect()
    await until(() => ledger.waiting === 0)
    expect(control.taken.map(({ value }) => value)).toEqual(['before', 'after'])
  })

  test('a record that was damaged on the disk is told, kept as evidence, and keeps no other', async () => {
    for (let value = 0; value < 3; value++) await ledger.appendSoon(record(value))
    const file = join(folder, 'ledger', '000000000001.jsonl')
    const lines = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, lines.with(1, lines[1]!.slice(5)).join('\n'))
    await openAfterKill()
    expect(said.at(-1)).toMatchObject({ facts: { records: 1 }, text: expect.stringContaining('damaged') })
    connect()
    await until(() => ledger.waiting === 0)
    expect(control.taken.map(({ value }) => value)).toEqual([0, 2])
    await until(() => readdirSync(join(folder, 'ledger')).join() === '000000000001.jsonl.damaged')
  })

  test.skipIf(process.platform !== 'linux')('a file that nobody writes to any more is not held open, however long it waits for control', async () => {
    await ledger.close()
    await open(1e8)
    for (let place = 0; place < 36; place++) await ledger.appendSoon(record('x'.repeat(60_000)))
    expect(readdirSync(join(folder, 'ledger'))).toHaveLength(2)
    const held = readdirSync('/proc/self/fd').filter((fd) => targetOf(fd).startsWith(folder))
    expect(held).toHaveLength(1)
    await ledger.close()
  })

  test('a limit holds however late control answers', async () => {
    const clock = fakeClock()
    const slow = createLedger({ folder: join(folder, randomUUID()), clock, log: silentLog, limitBytes: 1e6 })
    const waits = slow.append(record(1), { deadline: clock.now() + 100 })
    const [sent] = [slow.queue.peek(1, 1e6)]
    const ended = expect(waits).rejects.toMatchObject({ code: 'ledger.unavailable' })
    await clock.advance(100)
    await ended
    slow.queue.answered(sent, [{ ledger: 'claims', number: 1, hash: 'ab' }])
    expect(slow.waiting).toBe(0)
    await slow.close()
  })
})
