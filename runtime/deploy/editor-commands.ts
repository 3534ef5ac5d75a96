import type { StateCache } from '../core/state/cache.ts'
import type { CachePurgeReport, CacheReport, FlowWorkReport, GatewayCommand } from '../core/deployer.ts'
import type { Decisions } from '../core/access/decision.ts'
import { fault } from '../core/fault.ts'
import type { Jobs } from '../core/jobs/jobs.ts'
import type { LineDesk } from '../core/lines/line-desk.ts'
import { isPriority } from '../core/lines/priority.ts'
import { isCacheName, isCacheSweep } from './cache-command.ts'
import type { DebugSwitches } from './debug-switches.ts'
import type { LiveDeployment } from './live-deployment.ts'
import { messageId } from './message-id.ts'

type ContextScope = 'node' | 'flow' | 'global'

/** What the context sidebar of the editor reads and deletes. */
export interface ContextDoor {
  get(scope: ContextScope, id: string | undefined, key: string | undefined): unknown
  delete(scope: ContextScope, id: string | undefined, key: string | undefined): void
}

export interface EditorCommandsParts {
  readonly cache: Pick<StateCache, 'list' | 'sweep' | 'atOnce'>
  readonly contexts: ContextDoor
  readonly debugSwitches: DebugSwitches
  readonly decisions: Pick<Decisions, 'get'>
  /** Absent: there are no lines to be seen. */
  readonly desk?: LineDesk | undefined
  readonly jobs: Pick<Jobs, 'shared' | 'list' | 'find' | 'cancel' | 'retry' | 'move' | 'flows' | 'pause' | 'resume'>
  live(): LiveDeployment | undefined
}

const mostJobs = 200

/** Does what the editor's buttons ask of a gateway. @throws Fault `step.config` for what is not there */
export function createEditorCommands({ cache, contexts, debugSwitches, decisions, desk, jobs, live }: EditorCommandsParts) {
  function inject(node: string, props: readonly unknown[] | undefined): { started: true } {
    const deployment = live()
    const found = deployment?.find(node)
    if (!found || !deployment) throw fault('step.config', { message: `The node ${node} is not part of the live release. Deploy first.` })
    deployment.start(found.node, 'manual', { _msgid: messageId(), ...(props ? { __user_inject_props__: props } : {}) })
    return { started: true }
  }

  return async function command(asked: GatewayCommand): Promise<unknown> {
    switch (asked.do) {
      case 'inject':
        return inject(asked.node, asked.props)
      case 'debug':
        debugSwitches.set(asked.node, asked.active, live()?.pipelines.values() ?? [])
        return { active: asked.active }
      case 'context.get':
        return contexts.get(asked.scope, asked.id, asked.key)
      case 'context.delete':
        contexts.delete(asked.scope, asked.id, asked.key)
        return { deleted: true }
      case 'decision.get':
        return decisions.get(asked.id)
      case 'jobs.list': {
        const { state, flow, limit } = asked.query
        return await jobs.list({ limit: Math.min(Math.max(1, Number(limit) || 1), mostJobs), ...(state === undefined ? {} : { state }), ...(flow === undefined ? {} : { flow }) })
      }
      case 'jobs.get':
        return await jobs.find(asked.id)
      case 'jobs.act':
        if (asked.act !== 'cancel' && asked.act !== 'retry') throw fault('step.config', { message: 'A job is cancelled, or tried again.' })
        return await (asked.act === 'cancel' ? jobs.cancel(asked.id) : jobs.retry(asked.id))
      case 'jobs.move':
        if (!isPriority(asked.to)) throw fault('step.config', { message: 'A job is moved to a priority from 0 to 9.' })
        return await jobs.move(asked.id, asked.to)
      case 'jobs.flows':
        return { shared: jobs.shared, flows: await jobs.flows() } satisfies FlowWorkReport
      case 'jobs.flow':
        if (asked.act !== 'pause' && asked.act !== 'resume') throw fault('step.config', { message: 'Work of a flow is paused, or resumed.' })
        await jobs[asked.act](String(asked.flow))
        return undefined
      case 'caches.list':
        return { store: storeOf(cache), caches: cache.list().map((known) => withLabel(known, live()?.pipelines.get(known.owner)?.label)) } satisfies CacheReport
      case 'caches.purge':
        if (!Array.isArray(asked.caches) || !asked.caches.every(isCacheName) || !isCacheSweep(asked.what)) throw fault('step.config', { message: 'Caches are purged by tag, by name, or whole.' })
        return { store: storeOf(cache), entries: await cache.sweep(asked.caches, asked.what) } satisfies CachePurgeReport
      case 'lines.list':
        return desk?.list() ?? []
      case 'lines.act': {
        const { line, act } = asked
        const known = act.act === 'move' ? isPriority(act.from) && isPriority(act.to) : act.act === 'pause' || act.act === 'resume' || act.act === 'drain'
        if (!known) throw fault('step.config', { message: 'A queue is paused, resumed, drained, or one of its priorities is moved to another.' })
        return (await desk?.act(line, act)) ?? false
      }
      default:
        throw fault('step.config', { message: 'This command is not known.' })
    }
  }
}

function storeOf({ atOnce }: Pick<StateCache, 'atOnce'>): CacheReport['store'] {
  return atOnce ? 'memory' : 'redis'
}

function withLabel<Known extends object>(known: Known, label: string | undefined): Known & { readonly label?: string } {
  return label === undefined ? known : { ...known, label }
}
