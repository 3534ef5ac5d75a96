import type { Assemble, Assembly } from '../compile/assemble.ts'
import type { BuildRoutes, RouteTable } from '../core/deployment.ts'
import type { Prepared, PrepareResult } from '../core/deployer.ts'
import type { Problem } from '../core/flow.ts'
import type { Pipeline } from '../core/pipeline.ts'
import type { Release } from '../core/release.ts'
import type { HeldPipelines } from './held-pipelines.ts'
import type { LinkFlow } from './link-flow.ts'
import { LiveDeployment, type DeploymentHost } from './live-deployment.ts'
import { pipelineKey } from './pipeline-key.ts'

/** A release that could be live at once. It holds its pipelines until it is committed or discarded. */
export class PreparedDeployment implements Prepared {
  /** True once it was committed or discarded: its pipelines are let go of once. */
  settled = false
  readonly release: Release
  readonly warnings: readonly Problem[]
  readonly deployment: LiveDeployment
  constructor(release: Release, warnings: readonly Problem[], deployment: LiveDeployment) {
    this.release = release
    this.warnings = warnings
    this.deployment = deployment
  }
}

export interface PreparerParts {
  readonly assemble: Assemble
  readonly buildRoutes: BuildRoutes
  readonly pipelines: HeldPipelines
  readonly linkFlow: LinkFlow
  readonly host: DeploymentHost
  /** The routes that are live, whose parts are used again where nothing changed. */
  liveRoutes(): RouteTable | undefined
}

/** Makes a release ready beside the live deployment, with every pipeline that did not change. What fails lets go of everything again. */
export function createPreparer({ assemble, buildRoutes, pipelines, linkFlow, host, liveRoutes }: PreparerParts) {
  return async function prepare(release: Release, checked?: boolean): Promise<PrepareResult> {
    const assembly = assemble(release.revisions, checked)
    const errors = assembly.problems.filter((problem) => problem.severity === 'error')
    if (errors.length > 0) return { ok: false, problems: errors }

    const { held, problems } = await holdAll(assembly, release)
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
    return { ok: true, prepared: new PreparedDeployment(release, assembly.problems, deployment) }
  }

  /** A pipeline for each flow, by flow: the one that is there already, else a new one. */
  async function holdAll(assembly: Assembly, release: Release): Promise<{ held: Map<string, Pipeline>; problems: Problem[] }> {
    const held = new Map<string, Pipeline>()
    const problems: Problem[] = []
    try {
      for (const assembled of assembly.flows) {
        const key = pipelineKey(assembled, assembly.estate, release.credentials)
        const known = pipelines.find(key)
        const linked = known ? { pipeline: known } : await linkFlow(key, assembled, assembly, release.credentials)
        if ('problems' in linked) problems.push(...linked.problems)
        else held.set(assembled.flow.document.id, await pipelines.hold(linked.pipeline))
      }
    } catch (thrown) {
      await pipelines.letGo(held.values())
      throw thrown
    }
    return { held, problems }
  }
}
