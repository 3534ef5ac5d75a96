import { startEstateWith } from '../kit/estate.ts'
import { flow } from '../kit/flow-builder.ts'
import { pacedLoad } from '../kit/paced-load.ts'
import { chain, nodesOf } from './flows.ts'
import { loadCore, serverCore } from './machine.ts'
import { pin } from './ours.ts'
import { median, percentile } from './rounds.ts'
import type { Scenario } from './scenario.ts'

/** What 2,000 good requests a second feel of 200 a second that run into an endless loop beside them. */
export const neighbours: Scenario = {
  name: 'neighbours',
  async run({ seconds, rounds, say }) {
    const bad = flow('bad').httpIn('GET', '/bad').fn('while (true) {}\nreturn msg').httpResponse()
    const estate = await startEstateWith(nodesOf([chain(), bad]))
    try {
      await pin(estate.pids.gateways[0] ?? 0, serverCore)
      await pin(estate.pids.control, loadCore)
      const good = () => pacedLoad({ port: estate.gatewayPort, path: '/chain?name=taipei', perSecond: 2000, seconds })
      await good()
      const quiet: number[] = []
      const loud: number[] = []
      let lost = 0
      for (let round = 0; round < rounds; round++) {
        const alone = await good()
        const [beside] = await Promise.all([good(), pacedLoad({ port: estate.gatewayPort, path: '/bad', perSecond: 200, seconds })])
        quiet.push(percentile(alone.latenciesMs, 99))
        loud.push(percentile(beside.latenciesMs, 99))
        lost += alone.sent + beside.sent - (alone.outcomes['200'] ?? 0) - (beside.outcomes['200'] ?? 0)
      }
      const quietMs = tenth(median(quiet))
      const loudMs = tenth(median(loud))
      const limitMs = tenth(Math.max(3 * quietMs, 15))
      say(`  p99 of the good ones: quiet ${quietMs} ms, beside bad ones ${loudMs} ms, ${lost} lost`)
      return {
        rows: [
          { label: 'good beside bad p99', value: `${loudMs} ms  (quiet ${quietMs} ms)`, target: `≤ ${limitMs} ms`, pass: loudMs <= limitMs },
          { label: 'good ones lost', value: String(lost), target: '0', pass: lost === 0 },
        ],
        facts: { neighboursMs: { quiet: quietMs, loud: loudMs } },
      }
    } finally {
      await estate.stop()
    }
  },
}

function tenth(ms: number): number {
  return Math.round(ms * 10) / 10
}
