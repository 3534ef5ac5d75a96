import type { EditorNode } from '../../runtime/core/flow.ts'
import { fanOutNodes, fanOutPath } from './fan-out.ts'
import { hand, startLateUpstream } from './hand.ts'
import { ours } from './ours.ts'
import { openLoad } from './priority/open-load.ts'
import { percentile } from './rounds.ts'
import type { Row, Scenario } from './scenario.ts'

const eachMs = 50
const perSecond = 500
const mostP50Ms = 56

/** Three calls of 50 ms each at once, at 500 requests a second that come when they come: what the gateway adds to the slowest of them. */
export const late: Scenario = {
  name: 'late',
  async run({ seconds, rounds, say, only }) {
    const upstream = await startLateUpstream(eachMs)
    const rows: Row[] = []
    const facts: Record<string, unknown> = {}
    try {
      const nodes: readonly EditorNode[] = fanOutNodes(upstream.port)
      const contestants = [ours(nodes, { SLUICE_EGRESS_ALLOW: `127.0.0.1:${upstream.port}` }), hand('fan-out', String(upstream.port))].filter(({ name }) => only?.includes(name) ?? true)
      for (const contestant of contestants) {
        const server = await contestant.start()
        try {
          const load = (lasts: number, seed: number) => openLoad({ port: server.port, path: () => fanOutPath, perSecond, seconds: lasts, classes: [{ priority: 0, percent: 100 }], seed })
          await load(3, 0) // until the compiler has seen the hot paths
          const samples = await load(seconds * rounds, 1)
          const bad = samples.filter(({ status }) => status !== 200).length
          const [p50, p99] = [50, 99].map((percent) => percentile(samples.map(({ tookMs }) => tookMs), percent)) as [number, number]
          say(`  late ${contestant.name.padEnd(8)} p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms  of ${samples.length}${bad > 0 ? `  ${bad} BAD` : ''}`)
          facts[contestant.name] = Number(p50.toFixed(1))
          const doubt = bad > 0 ? { doubt: `${bad} bad answers` } : {}
          rows.push({ label: `three calls of ${eachMs} ms at ${perSecond}/s, p50${contestant.name === 'ours' ? '' : ` of ${contestant.name}`}`, value: `${p50.toFixed(1)} ms  (p99 ${p99.toFixed(1)} ms)`, target: contestant.name === 'ours' ? `≤ ${mostP50Ms} ms` : '', ...(contestant.name === 'ours' ? { pass: p50 <= mostP50Ms } : {}), ...doubt })
        } finally {
          await server.stop()
        }
      }
    } finally {
      await upstream.stop()
    }
    return { rows, facts: { late: facts } }
  },
}
