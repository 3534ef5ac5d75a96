import type { Assemble, AssembledFlow, Assembly } from '../compile/assemble.ts'
import type { BuildRoutes, RouteTable } from '../core/deployment.ts'
import type { Prepared, PrepareResult } from '../core/deployer.ts'
import { fault } from '../core/fault.ts'
import type { Problem } from '../core/flow.ts'
import type { Log } from '../core/log.ts'
import type { Pipeline } from '../core/pipeline.ts'
import type { Release } from '../core/release.ts'
import type { FoundSecrets, Secrets } from '../core/secrets/vault.ts'
import type { HeldPipelines } from './held-pipelines.ts'
import type { LinkFlow } from './link-flow.ts'
import { LiveDeployment, type DeploymentHost } from './live-deployment.ts'
import { pipelineKey, withVersions } from './pipeline-key.ts'
import { resolveCredentials } from './resolve-secrets.ts'
import { createSecretUses, type SecretUse } from './secret-use.ts'
import { settleSecrets } from './settle-secrets.ts'
import { createWaitingPipeline, waitingKey, waitsFor } from './waiting-pipeline.ts'

/** A release that could be live at once. It holds its pipelines until it is committed or discarded. */
export class PreparedDeployment implements Prepared {
  /** True once it was committed or discarded: its pipelines are let go of once. */
  settled = false
  readonly release: Release
  readonly warnings: readonly Problem[]
  readonly deployment: LiveDeployment
  readonly secrets: UsedSecrets
  constructor(release: Release, warnings: readonly Problem[], deployment: LiveDeployment, secrets: UsedSecrets) {
    this.release = release
    this.warnings = warnings
    this.deployment = deployment
    this.secrets = secrets
  }
}

/** By flow: the versions of secrets that its pipeline was linked with; of one that waits, those that it waits for are 0. */
export type UsedSecrets = ReadonlyMap<string, ReadonlyMap<string, number>>

/**
 * `deploy`: what cannot be linked refuses the release. `start`: it ran before, and flows whose secrets cannot be had, or do not fit any
 * more, wait. `rotation`: it is live, and such flows go on as they are.
 */
export type PrepareMode = 'deploy' | 'start' | 'rotation'

export interface PreparerParts {
  readonly assemble: Assemble
  readonly buildRoutes: BuildRoutes
  readonly pipelines: HeldPipelines
  readonly linkFlow: LinkFlow
  readonly host: DeploymentHost
  readonly secrets: Secrets | undefined
  readonly log: Log
  /** Limit of a run unless its flow sets its own. */
  readonly deadlineMs: number
  live(): LiveDeployment | undefined
}

/** Makes a release ready beside the live deployment, with every pipeline that did not change. What fails lets go of everything again. */
export function createPreparer({ assemble, buildRoutes, pipelines, linkFlow, host, secrets, log, deadlineMs, live }: PreparerParts) {
  const secretUseOf = createSecretUses()

  return async function prepare(release: Release, checked?: boolean, mode: PrepareMode = 'deploy'): Promise<PrepareResult> {
    const assembly = assemble(release.revisions, checked)
    const errors = assembly.problems.filter((problem) => problem.severity === 'error')
    if (errors.length > 0) return { ok: false, problems: errors }

    const { held, used, problems } = await holdAll(assembly, release, mode)
    const { table, conflicts } = buildRoutes(assembly.flows.flatMap(({ routes }) => routes), liveRoutes())
    for (const conflict of conflicts) {
      problems.push({
        severity: 'error', code: 'route.conflict', flow: conflict.route.flow, node: conflict.route.node, property: 'url',
        message: conflict.reason, remedy: 'Give one of the two another path or method.',
      })
    }
    if (problems.length > 0) {
      await pipelines.letGo(held.values())
      return { ok: false, problems }
    }
    const routes = new Map(assembly.flows.map((assembled) => [assembled.flow.document.id, assembled.routes]))
    const deployment = new LiveDeployment(release.manifest.id, release.manifest.hash, table, held, host, (flow) => routes.get(flow) ?? [])
    return { ok: true, prepared: new PreparedDeployment(release, assembly.problems, deployment, used) }
  }

  function liveRoutes(): RouteTable | undefined {
    return live()?.routes
  }

  /** A pipeline for each flow, by flow: the one that is there already, else a new one. */
  async function holdAll(assembly: Assembly, release: Release, mode: PrepareMode): Promise<{ held: Map<string, Pipeline>; used: Map<string, ReadonlyMap<string, number>>; problems: Problem[] }> {
    const held = new Map<string, Pipeline>()
    const used = new Map<string, ReadonlyMap<string, number>>()
    const problems: Problem[] = []
    const uses = new Map(assembly.flows.map((assembled) => [assembled, secretUseOf(assembled, assembly.estate, release.credentials)]))
    // One question for all of them.
    const names = new Set([...uses.values()].flatMap(({ places }) => [...places.keys()]))
    const found = names.size > 0 ? await secrets?.find(names) : undefined
    try {
      for (const [assembled, use] of uses) {
        const made = await toPipeline(assembled, assembly, release, use, found, mode)
        if ('problems' in made) {
          problems.push(...made.problems)
          continue
        }
        const flow = assembled.flow.document.id
        held.set(flow, await pipelines.hold(made.pipeline))
        if (use.places.size > 0) used.set(flow, made.versions)
      }
    } catch (thrown) {
      await pipelines.letGo(held.values())
      throw thrown
    }
    return { held, used, problems }
  }

  type Made = { readonly pipeline: Pipeline; readonly versions: ReadonlyMap<string, number> } | { readonly problems: readonly Problem[] }

  async function toPipeline(assembled: AssembledFlow, assembly: Assembly, release: Release, use: SecretUse, found: FoundSecrets | undefined, mode: PrepareMode): Promise<Made> {
    const base = pipelineKey(assembled, assembly.estate, release.credentials)
    const settled = settleSecrets(use, found)
    const before = live()?.pipelines.get(assembled.flow.document.id)
    if ('reason' in settled) {
      const waiting = () => ({ pipeline: pipelines.find(waitingKey(base, settled.reason.code)) ?? createWaitingPipeline(assembled, base, settled.reason, deadlineMs), versions: versionsOf(use, found) })
      if (mode === 'rotation' && before && !waitsFor(before)) return { pipeline: before, versions: versionsOf(use, found) }
      if (mode !== 'deploy' || waitsFor(before, base)) return waiting()
      return { problems: settled.problems }
    }
    const { values, versions, gone } = settled
    const key = withVersions(base, versions)
    const known = pipelines.find(key)
    if (known) return { pipeline: known, versions }
    if (gone.length > 0 && mode === 'deploy') return { problems: gone }
    const linked = await linkFlow(key, assembled, assembly, resolveCredentials(release.credentials, values), values)
    if ('pipeline' in linked) return { pipeline: linked.pipeline, versions }
    if (use.places.size === 0 || mode === 'deploy') return linked
    // The value of a secret does not fit any more. What runs goes on; where nothing does yet, only this flow is kept from it.
    const [problem] = linked.problems
    log.error({ flow: assembled.flow.document.id, node: problem?.node, code: problem?.code, reason: problem?.message }, 'a flow could not be linked with its secrets')
    if (mode === 'rotation' && before) return { pipeline: before, versions }
    return { pipeline: createWaitingPipeline(assembled, base, fault('config.invalid', { message: problem?.message }), deadlineMs), versions }
  }
}

/** Versions that are known, and 0 for what is waited for. */
function versionsOf({ places }: SecretUse, found: FoundSecrets | undefined): ReadonlyMap<string, number> {
  return new Map([...places.keys()].map((name) => [name, found?.values.get(name)?.version ?? 0]))
}
