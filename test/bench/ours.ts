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
        async stop() {
          await estate.stop()
        },
      }
    },
  }
}

/** Moves a running process with all its threads; threads it starts later stay with it. */
export async function pin(pid: number, core: number): Promise<void> {
  await run('taskset', ['-a', '-c', '-p', String(core), String(pid)])
}
