import type { PrepareResult } from '../core/deployer.ts'
import type { Log } from '../core/log.ts'
import type { Secrets } from '../core/secrets/vault.ts'
import type { PreparedDeployment } from './prepare.ts'

export interface RotationParts {
  readonly secrets: Secrets
  readonly log: Log
  /** What is live, with the versions of secrets that it was linked with. */
  live(): PreparedDeployment | undefined
  /** Makes the live release ready once more: pipelines whose secrets did not change are the same. */
  prepareAgain(live: PreparedDeployment): Promise<PrepareResult>
  commit(prepared: PreparedDeployment): void
  discard(prepared: PreparedDeployment): Promise<void>
}

/** Keeps the pipelines that are live in step with the secrets that they use. */
export interface Rotation {
  /** Looks whether some are newer. Once for all who ask while it is being done, and once more after it. */
  look(): void
  close(): Promise<void>
}

export function createRotation({ secrets, log, live, prepareAgain, commit, discard }: RotationParts): Rotation {
  let running: Promise<void> | undefined
  let again = false
  let closed = false
  const unlisten = secrets.onChanged(() => look())

  function look(): void {
    again = true
    running ??= work().finally(() => (running = undefined))
  }

  async function work(): Promise<void> {
    while (again && !closed) {
      again = false
      try {
        await once()
      } catch (thrown) {
        log.error({ reason: thrown instanceof Error ? thrown.message : 'unknown' }, 'newer secrets could not be put in; what runs goes on')
      }
    }
  }

  async function once(): Promise<void> {
    const now = live()
    if (!now || now.secrets.size === 0) return
    const { values } = await secrets.find(new Set([...now.secrets.values()].flatMap((versions) => [...versions.keys()])))
    const newer = new Set<string>()
    for (const versions of now.secrets.values()) for (const [name, version] of versions) if (values.has(name) && values.get(name)?.version !== version) newer.add(name)
    if (newer.size === 0 || live() !== now) return
    const result = await prepareAgain(now)
    if (!result.ok) {
      log.error({ secrets: [...newer], reason: result.problems[0]?.code }, 'newer secrets could not be put in; what runs goes on')
      return
    }
    const fresh = result.prepared as PreparedDeployment
    if (closed || live() !== now) {
      // Another release went live meanwhile; it is looked at by itself.
      await discard(fresh)
      again = true
      return
    }
    const flows = [...fresh.deployment.pipelines].filter(([flow, pipeline]) => now.deployment.pipelines.get(flow) !== pipeline).map(([flow]) => flow)
    commit(fresh)
    log.info({ secrets: [...newer], flows }, 'flows were linked again with newer secrets')
  }

  return {
    look,
    async close() {
      closed = true
      unlisten()
      await running
    },
  }
}
