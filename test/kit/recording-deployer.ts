import type { Deployer, GatewayCommand, Prepared, PrepareResult } from '../../runtime/core/deployer.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import type { Release } from '../../runtime/core/release.ts'

/** A deployer that runs nothing and remembers everything; its behaviour can be changed while it is in use. */
export interface RecordingDeployer extends Deployer {
  readonly commits: Release[]
  readonly prepared: Release[]
  readonly discarded: Release[]
  /** Makes the next prepares refuse with this problem, warn of these, wait for this promise, or claim another hash. */
  behaviour: { refuse?: Problem | undefined; warn?: readonly Problem[]; wait?: Promise<void> | undefined; claimHash?: string | undefined }
}

export function createRecordingDeployer(): RecordingDeployer {
  const commits: Release[] = []
  const prepared: Release[] = []
  const discarded: Release[] = []
  const deployer: RecordingDeployer = {
    commits,
    prepared,
    discarded,
    behaviour: {},
    async prepare(release): Promise<PrepareResult> {
      const { refuse, wait, warn = [] } = deployer.behaviour
      if (wait) await wait
      if (refuse) return { ok: false, problems: [refuse] }
      prepared.push(release)
      return { ok: true, prepared: { release, warnings: warn } }
    },
    commit: ({ release }: Prepared) => void commits.push(release),
    discard: async ({ release }) => void discarded.push(release),
    live() {
      const release = commits.at(-1)
      return release && { id: release.manifest.id, hash: deployer.behaviour.claimHash ?? release.manifest.hash, since: release.manifest.createdAt }
    },
    async command(command: GatewayCommand) {
      if (command.do === 'inject' && command.node === 'nowhere') throw new Error('there is no such node')
      return { did: command.do }
    },
  }
  return deployer
}
