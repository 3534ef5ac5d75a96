import type { EditorNode } from '../../runtime/core/flow.ts'
import { run } from '../kit/run.ts'
import { startEstateWith } from '../kit/estate.ts'
import type { Contestant } from './contestant.ts'
import { loadCore, serverCore } from './machine.ts'

/** A real gateway under its real flags, with logs and metrics on, deployed to by a real control process. */
export function ours(nodes: readonly EditorNode[], env: Readonly<Record<string, string>> = {}): Contestant {
  return {
    name: 'ours',
    async start() {
      const estate = await startEstateWith(nodes, { env })
      const [gateway = 0] = estate.pids.gateways
      await pin(gateway, serverCore)
      await pin(estate.pids.control, loadCore)
      return {
        port: estate.gatewayPort,
        pid: gateway,
        faults: () => countFaults(estate.output()),
        async stop() {
          await estate.stop()
        },
      }
    },
  }
}

/** The lines of the log that name a fault, by code. */
function countFaults(printed: string): string[] {
  const counts = new Map<string, number>()
  for (const [, code = ''] of printed.matchAll(/,"fault":"([^"]+)"/g)) counts.set(code, (counts.get(code) ?? 0) + 1)
  return [...counts].map(([code, count]) => `${count} ${code}`)
}

/** Moves a running process with all its threads; threads it starts later stay with it. */
export async function pin(pid: number, core: number): Promise<void> {
  await run('taskset', ['-a', '-c', '-p', String(core), String(pid)])
}
