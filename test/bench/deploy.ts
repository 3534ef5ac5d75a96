import type { EditorNode } from '../../runtime/core/flow.ts'
import { startEstateWith, type Estate } from '../kit/estate.ts'
import { flow } from '../kit/flow-builder.ts'
import { RawConnection } from '../kit/raw-http.ts'
import { loadCore, serverCore } from './machine.ts'
import { pin } from './ours.ts'
import { percentile } from './rounds.ts'
import type { Scenario } from './scenario.ts'

const limitMs = 150
// The 99th of a hundred has to be another than the worst of all.
const repetitions = 200

/**
 * How long one changed flow takes from the POST to control until the gateway gives the first answer of the
 * new version, among an estate of `others`.
 */
export function deployScenario(name: string, fact: string, label: string, others: () => readonly EditorNode[]): Scenario {
  return {
    name,
    async run({ say }) {
      const rest = others()
      const nodesOf = (version: number) => [...rest, ...changing(version).nodes()]
      const estate = await startEstateWith(nodesOf(0))
      try {
        await pin(estate.pids.gateways[0] ?? 0, serverCore)
        await pin(estate.pids.control, loadCore)
        const took: number[] = []
        for (let version = 1; version <= repetitions + 5; version++) {
          const ms = await deployAndWait(estate, nodesOf(version), version)
          if (version > 5) took.push(ms) // the first few compile control's own code
        }
        const p50 = round(percentile(took, 50))
        const p99 = round(percentile(took, 99))
        say(`  ${label}: p50 ${p50} ms  p99 ${p99} ms over ${took.length} deploys`)
        return { rows: [{ label, value: `p99 ${p99} ms  (p50 ${p50})`, target: `p99 ≤ ${limitMs} ms`, pass: p99 <= limitMs }], facts: { [fact]: { p50, p99 } } }
      } finally {
        await estate.stop()
      }
    },
  }
}

function changing(version: number) {
  return flow('changing').httpIn('GET', '/changing').fn(`msg.payload = ${version}\nreturn msg`).httpResponse()
}

async function deployAndWait(estate: Estate, nodes: readonly EditorNode[], version: number): Promise<number> {
  const connection = new RawConnection('127.0.0.1', estate.gatewayPort)
  const request = `GET /changing HTTP/1.1\r\nHost: 127.0.0.1:${estate.gatewayPort}\r\n\r\n`
  const start = performance.now()
  const deployed = estate.admin.deploy(nodes)
  let refused: unknown
  deployed.catch((error: unknown) => (refused = error))
  for (;;) {
    const reply = await connection.exchange(request)
    if (reply.status === 200 && reply.body.toString() === String(version)) break
    if (refused !== undefined) throw refused
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const tookMs = performance.now() - start
  await deployed
  connection.close()
  return tookMs
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}
