import { readdirSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { startEstateWith } from '../kit/estate.ts'
import { fetchMetrics } from '../kit/fetch-metrics.ts'
import { pacedLoad } from '../kit/paced-load.ts'
import { RawConnection } from '../kit/raw-http.ts'
import { composed, passed } from './flows.ts'
import { startFlappingUpstream } from './flapping-upstream.ts'

export interface SoakOptions {
  readonly seconds: number
  readonly deployEveryMs: number
  readonly say?: (line: string) => void
}

export interface SoakResult {
  readonly asked: number
  /** Answers in which somebody else's data stood. */
  readonly mixed: number
  /** How exchanges ended that had no answer, or another than expected. */
  readonly lost: readonly string[]
  readonly deploys: number
  /** Of the first and of the second half of the time, without the beginning, in which a gateway warms up; each with a full collection. */
  readonly early: Sample
  readonly late: Sample
  /** Connections to the upstream after the load has ended and idle ones were let go. */
  readonly connectionsLeft: number
}

export interface Sample {
  /** What the gateway holds at the least: between two full collections V8 lets garbage lie for as long as there is room. */
  readonly heldMb: number
  /** Open files and sockets of the gateway, as many as it had half of the time. */
  readonly files: number
}

const callers = 8
/** How long a full collection is waited for: the less a gateway does on a busy machine, the more seldom V8 collects all. */
const patienceMs = 90_000

/** A collection has marked what is held; V8 sweeps the rest away bit by bit after it. */
const sweepMs = 8000

interface Look extends Sample {
  readonly atMs: number
  /** Full collections that the gateway has made. */
  readonly collections: number
}

/** Callers, deploys and a service whose health changes, for a while: what a gateway holds must not grow. */
export async function soak({ seconds, deployEveryMs, say = () => {} }: SoakOptions): Promise<SoakResult> {
  const upstream = await startFlappingUpstream(1500)
  const nodes = (version: number) => [...composed(upstream.url, version), ...passed(upstream.url)]
  // A machine that is busy with other things for a tenth of a second is not what is looked for.
  const estate = await startEstateWith(nodes(0), { env: { SLUICE_EGRESS_ALLOW: new URL(upstream.url).host, SLUICE_SCRIPT_TIMEOUT_MS: '5000' } })
  try {
    const [gateway = 0] = estate.pids.gateways
    const counts = { asked: 0, mixed: 0, lost: [] as string[] }
    let over = false
    const going = () => !over
    let looks: Look[] = []
    const sampling = every(500, going, async () => void looks.push({ ...(await memory(estate.opsPort)), atMs: performance.now(), files: readdirSync(`/proc/${gateway}/fd`).length }))
    /** So long, and longer when no full collection came in it, or only just. */
    async function stretch(ms: number): Promise<Sample> {
      looks = []
      const began = performance.now()
      const isCollected = () => {
        const first = looks.find(({ collections }) => collections > (looks[0]?.collections ?? 0))
        return first !== undefined && performance.now() > first.atMs + sweepMs
      }
      await pause(ms)
      while (!isCollected() && performance.now() < began + ms + patienceMs) await pause(500)
      return toSample(looks)
    }
    let deploys = 0
    const deploying = every(deployEveryMs, going, async () => {
      await estate.admin.deploy(nodes(++deploys))
      say(`  ${deploys} deploys, ${counts.asked} asked, ${Math.round(looks.at(-1)?.heldMb ?? 0)} MB, ${looks.at(-1)?.files ?? 0} files`)
    })
    const asking = Array.from({ length: callers }, (_, caller) => ask(estate.gatewayPort, `caller-${caller}`, going, counts))
    const passing = pacedLoad({ port: estate.gatewayPort, path: '/passed', perSecond: 10, seconds })
    const leaving = leave(estate.gatewayPort, going)
    const all = Promise.all([sampling, deploying, leaving, passing, ...asking])
    all.catch(() => {}) // said when it is waited for
    await pause(seconds * 200)
    const early = await stretch(seconds * 400)
    const late = await stretch(seconds * 400)
    over = true
    await all
    await pause(6000) // idle connections to upstreams are kept for four seconds
    return { ...counts, deploys, early, late, connectionsLeft: upstream.connections }
  } finally {
    await estate.stop()
    upstream.close()
  }
}

/** Asks one after the other, each time under another name, and looks whether the answer is for that name. */
async function ask(port: number, caller: string, going: () => boolean, counts: { asked: number; mixed: number; lost: string[] }): Promise<void> {
  let connection = new RawConnection('127.0.0.1', port)
  for (let turn = 0; going(); turn += 1) {
    const who = `${caller}-${turn}`
    counts.asked += 1
    try {
      const { status, body } = await connection.exchange(`GET /composed?who=${who} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 10_000)
      if (status !== 200) counts.lost.push(`${status} ${body.toString()}`)
      else {
        const { who: own, left, right } = JSON.parse(body.toString()) as { who: string; left: { who: string } | null; right: { who: string } | null }
        if ([own, left?.who, right?.who].some((name) => name !== undefined && name !== who)) counts.mixed += 1
      }
    } catch (error) {
      counts.lost.push(String(error))
      connection.close()
      connection = new RawConnection('127.0.0.1', port)
    }
    await pause(5)
  }
  connection.close()
}

/** Callers who go away before their answer is there. */
async function leave(port: number, going: () => boolean): Promise<void> {
  while (going()) {
    const connection = new RawConnection('127.0.0.1', port)
    connection.exchange('GET /composed?who=nobody HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n').catch(() => {})
    await pause(Math.random() * 60)
    connection.close()
  }
}

async function every(ms: number, going: () => boolean, act: () => void | Promise<void>): Promise<void> {
  while (going()) {
    await pause(ms)
    if (going()) await act()
  }
}

function toSample(samples: readonly Sample[]): Sample {
  const files = samples.map((sample) => sample.files).toSorted((a, b) => a - b)
  return { heldMb: Math.min(...samples.map((sample) => sample.heldMb)), files: files[Math.floor(files.length / 2)] ?? 0 }
}

/** Heap and memory outside of it that a gateway uses, MB, and how often it has collected all. */
async function memory(opsPort: number): Promise<Omit<Look, 'files' | 'atMs'>> {
  const text = await fetchMetrics(`http://127.0.0.1:${opsPort}`)
  const value = (name: string, labels = '') => Number(new RegExp(`^${name}(?:\\{[^}]*${labels}[^}]*\\})? ([0-9.e+]+)`, 'm').exec(text)?.[1] ?? Number.NaN)
  return {
    heldMb: (value('nodejs_heap_size_used_bytes') + value('nodejs_external_memory_bytes')) / 1024 / 1024,
    collections: value('nodejs_gc_duration_seconds_count', 'kind="major"') || 0,
  }
}
