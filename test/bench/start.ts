import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { childEnvironment, gatewayDir, gatewayFlags } from '../../runtime/cli/start/plan.ts'
import { loadSettings } from '../../runtime/settings.ts'
import { startEstate } from '../kit/estate.ts'
import { flow, setBy, type FlowBuilder } from '../kit/flow-builder.ts'
import { freePorts } from '../kit/free-port.ts'
import { RawConnection } from '../kit/raw-http.ts'
import { root } from '../kit/sources.ts'
import { startChild, type Child } from './child.ts'
import { nodesOf } from './flows.ts'
import { residentMb, serverCore } from './machine.ts'
import { median } from './rounds.ts'
import type { Scenario } from './scenario.ts'

const count = 200
const limitMs = 1500
const limitMb = 220

/**
 * A gateway alone comes up from its own copy of the release on disk, with 200 flows of one function and
 * one JSONata expression each, and answers each once. The time runs from the start of the process until
 * the last of them has answered, so that nothing can be put off to the first request.
 */
export const start: Scenario = {
  name: 'start',
  async run({ rounds, say }) {
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-bench-start-'))
    try {
      await putReleaseOnDisk(dataDir)
      const readyMs: number[] = []
      const calledMs: number[] = []
      const rssMb: number[] = []
      for (let round = 0; round < Math.max(3, rounds); round++) {
        const one = await startOnce(dataDir)
        readyMs.push(one.readyMs)
        calledMs.push(one.calledMs)
        rssMb.push(one.rssMb)
      }
      const startMs = Math.round(median(calledMs))
      const mb = Math.round(median(rssMb))
      say(`  ready after ${Math.round(median(readyMs))} ms, ${count} flows called after ${startMs} ms, ${mb} MB resident`)
      return {
        rows: [
          { label: `start with ${count} flows, each called`, value: `${startMs} ms  (ready ${Math.round(median(readyMs))})`, target: `≤ ${limitMs} ms`, pass: startMs <= limitMs },
          { label: 'resident memory then', value: `${mb} MB`, target: `≤ ${limitMb} MB`, pass: mb <= limitMb },
        ],
        facts: { startMs, rssMb: mb },
      }
    } finally {
      rmSync(dataDir, { recursive: true, force: true })
    }
  },
}

/** Function and expression each, no two alike, so that no cache of one compiled text serves all. */
function startFlow(index: number): FlowBuilder {
  return flow(`start${index}`)
    .httpIn('GET', `/start/${index}`)
    .fn(`msg.payload = { n: ${index}, items: [1, 2, 3].map((x) => x * ${index}) }\nreturn msg`)
    .change(setBy('payload', `{ "n": payload.n, "sum": $sum(payload.items) + ${index} }`))
    .httpResponse()
}

async function putReleaseOnDisk(dataDir: string): Promise<void> {
  const estate = await startEstate({ dataDir })
  try {
    await estate.admin.deploy(nodesOf(Array.from({ length: count }, (_, index) => startFlow(index))))
  } finally {
    await estate.stop()
  }
}

async function startOnce(dataDir: string): Promise<{ readyMs: number; calledMs: number; rssMb: number }> {
  const [gatewayPort = 0, opsPort = 0] = await freePorts(2)
  // Nobody answers at this address: a gateway starts and serves without control.
  const env = { SLUICE_DATA_DIR: dataDir, SLUICE_HOST: '127.0.0.1', SLUICE_GATEWAY_PORT: String(gatewayPort), SLUICE_OPS_PORT: String(opsPort), SLUICE_CONTROL_URL: 'http://127.0.0.1:9', SLUICE_GATEWAY_NAME: 'gateway-1' }
  const settings = loadSettings({ env, cwd: root })
  const began = performance.now()
  const child = startChild(process.execPath, [...gatewayFlags(settings), join(root, 'runtime', 'cli', 'gateway-process.ts'), '--number=1'], { core: serverCore, env: childEnvironment('gateway', settings, join(gatewayDir(settings), 'cache')) })
  try {
    await untilReady(opsPort, child, began)
    const readyMs = performance.now() - began
    const connection = new RawConnection('127.0.0.1', gatewayPort)
    for (let index = 0; index < count; index++) {
      const reply = await connection.exchange(`GET /start/${index} HTTP/1.1\r\nHost: 127.0.0.1:${gatewayPort}\r\n\r\n`)
      const sum = 6 * index + index
      const answer = reply.body.toString()
      if (reply.status !== 200 || (JSON.parse(answer) as { sum: number }).sum !== sum) throw new Error(`/start/${index} answered ${reply.status} ${answer}`)
    }
    const calledMs = performance.now() - began
    connection.close()
    return { readyMs, calledMs, rssMb: residentMb(child.pid) }
  } finally {
    await child.stop()
  }
}

async function untilReady(opsPort: number, child: Child, began: number): Promise<void> {
  let ended: unknown
  child.line(() => undefined, 20_000).catch((error: unknown) => (ended = error))
  for (;;) {
    const connection = new RawConnection('127.0.0.1', opsPort)
    const status = await connection.exchange(`GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`).then((reply) => reply.status, () => 0)
    connection.close()
    if (status === 200) return
    if (ended !== undefined) throw ended
    if (performance.now() - began > 30_000) throw new Error('the gateway was not ready within 30 s')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
