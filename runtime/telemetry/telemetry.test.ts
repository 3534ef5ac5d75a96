import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RunSummary } from '../core/deployment.ts'
import { createLineWriter } from './line-writer.ts'
import { openLog } from './log.ts'
import { createMetrics } from './metrics.ts'
import { recordTo } from './recorder.ts'

const summary: RunSummary = { run: 'r-1', on: 'http', flow: 'f', node: 'n', revision: 'abc', release: 3, tookMs: 1.23456, method: 'GET', route: '/a/:id', status: 200 }

function logTo(level: 'info' | 'warn', format: 'json' | 'text' = 'json') {
  let text = ''
  const log = openLog({ level, format, write: (given) => (text += given), now: () => 1_700_000_000_007 })
  return { log, lines: () => (log.flush(), text.trim() === '' ? [] : text.trim().split('\n')) }
}

describe('the log', () => {
  it('has one line of JSON per run, with the same keys always', () => {
    const { log, lines } = logTo('info')
    log.runs.record(summary)
    log.runs.record({ ...summary, run: 'r-2', route: '/"quoted"/松', status: 500, fault: 'step.error' })
    expect(lines().map((line) => JSON.parse(line) as unknown)).toEqual([
      { level: 'info', time: '2023-11-14T22:13:20.007Z', run: 'r-1', flow: 'f', node: 'n', revision: 'abc', release: 3, on: 'http', method: 'GET', route: '/a/:id', tookMs: 1.235, status: 200 },
      { level: 'error', time: '2023-11-14T22:13:20.007Z', run: 'r-2', flow: 'f', node: 'n', revision: 'abc', release: 3, on: 'http', method: 'GET', route: '/"quoted"/松', tookMs: 1.235, status: 500, fault: 'step.error' },
    ])
  })

  it('keeps general lines and run lines in order and hides what is named as a secret', () => {
    const { log, lines } = logTo('info')
    log.info({ password: 'p', headers: { authorization: 'a', host: 'h' } }, 'one')
    log.runs.record(summary)
    const [first, second] = lines()
    expect(JSON.parse(first as string)).toMatchObject({ level: 'info', msg: 'one', password: '[hidden]', headers: { authorization: '[hidden]', host: 'h' } })
    expect(second).toContain('"run":"r-1"')
  })

  it('hides secrets wherever their names stand, whatever stands beside them, in facts of a child and of an error too', () => {
    const { log, lines } = logTo('info')
    const child = log.child({ token: 't', at: 'here' })
    child.warn({ n: 1 }, 'child')
    log.child({ n: 1 }).error({ list: [1], deep: { key: 'k', n: 1 }, none: null }, 'deep')
    log.info(Object.assign(new Error('no'), { secret: 's' }), 'error')
    log.info({ list: [1], deep: { n: 1 } }, 'plain')
    const written = lines().map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(written.slice(0, 2)).toMatchObject([{ level: 'warn', token: '[hidden]', at: 'here', n: 1 }, { level: 'error', n: 1, list: [1], deep: { key: '[hidden]', n: 1 }, none: null }])
    expect(written[3]).toMatchObject({ list: [1], deep: { n: 1 }, msg: 'plain' })
    expect(lines().join('')).not.toContain('"s"')
  })

  it('leaves out what is below its level, run lines too', () => {
    const { log, lines } = logTo('warn')
    log.info({}, 'quiet')
    log.runs.record(summary)
    log.warn({}, 'loud')
    expect(lines()).toHaveLength(1)
  })

  it('can be read by people', () => {
    const { log, lines } = logTo('info', 'text')
    log.info({ port: 1 }, 'Listening.')
    log.runs.record(summary)
    expect(lines()).toEqual(['22:13:20.007 info  Listening. port=1', '22:13:20.007 run   GET /a/:id 200 1.2 ms run=r-1'])
  })

  it('loses nothing and keeps the order on its way to a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'log-'))
    const fd = openSync(join(folder, 'log'), 'w')
    try {
      const writer = createLineWriter(fd)
      const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n}`)
      for (const [n, line] of lines.entries()) {
        writer.write(`${line}\n`)
        if (n % 5000 === 0) await new Promise((done) => setTimeout(done, 5))
      }
      await new Promise((done) => setTimeout(done, 100))
      writer.close()
      expect(readFileSync(join(folder, 'log'), 'utf8')).toBe(`${lines.join('\n')}\n`)
      expect(writer.dropped()).toBe(0)
    } finally {
      closeSync(fd)
      rmSync(folder, { recursive: true })
    }
  })

  it('drops and counts lines rather than growing when nobody reads in time', () => {
    const folder = mkdtempSync(join(tmpdir(), 'log-'))
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const fd = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
    try {
      const writer = createLineWriter(fd)
      // Nobody reads the pipe, and without a turn of the event loop no write can end.
      for (let n = 0; n < 20_000; n++) writer.write(`${'x'.repeat(1000)}\n`)
      expect(writer.dropped()).toBeGreaterThan(0)
      expect(writer.dropped()).toBeLessThan(20_000)
    } finally {
      closeSync(fd)
      rmSync(folder, { recursive: true })
    }
  })
})

describe('the metrics', () => {
  it('count runs and their durations by flow, route pattern, method and status class', async () => {
    const metrics = createMetrics({ process: false })
    for (const status of [200, 201, 404]) metrics.runs.record({ ...summary, status })
    metrics.runs.record({ ...summary, tookMs: 99_999, method: 'WEIRD' })
    const text = await metrics.text()
    expect(text).toContain('sluice_runs_total{flow="f",on="http",route="/a/:id",method="GET",status="2xx"} 2')
    expect(text).toContain('sluice_runs_total{flow="f",on="http",route="/a/:id",method="GET",status="4xx"} 1')
    expect(text).toContain('method="other",status="2xx"} 1')
    expect(text).toContain('sluice_run_duration_seconds_bucket{le="0.0025",flow="f",on="http",route="/a/:id",method="GET"} 3')
    expect(text).toContain('sluice_run_duration_seconds_count{flow="f",on="http",route="/a/:id",method="GET"} 3')
    expect(await metrics.text()).toBe(text)
  })

  it('take counters and gauges by name, with bounded labels', async () => {
    const metrics = createMetrics({ process: false })
    for (let n = 0; n < 1200; n++) metrics.count('sandbox_faults', { code: `c${n}` })
    metrics.count('deploys')
    let live = 7
    metrics.gauge('live_release', 'Release that runs.', () => live++)
    const text = await metrics.text()
    expect(text).toContain('sluice_sandbox_faults_total{code="other"} 200')
    expect(text).toContain('sluice_deploys_total 1')
    expect(text).toContain('sluice_live_release 7')
  })

  it('say how the process is', async () => {
    expect(await createMetrics().text()).toContain('process_resident_memory_bytes')
  })
})

it('a recorder hands a summary to all it was made of', () => {
  const seen: string[] = []
  recordTo({ record: () => seen.push('a') }, { record: () => seen.push('b') }, { record: () => seen.push('c') }).record(summary)
  expect(seen).toEqual(['a', 'b', 'c'])
})
