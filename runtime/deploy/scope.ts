import { lookUpEnv, ownValue, pathOf, substituteProperties, type Surroundings } from '../compile/env.ts'
import type { Estate, Flow, FlowNode } from '../compile/flow.ts'
import { organisationOf } from '../compile/organisation-of.ts'
import { ownProperties } from '../compile/own-properties.ts'
import type { LabelMap } from '../core/labels/label-map.ts'
import type { Scope } from '../core/node.ts'
import type { LinkedNode } from '../core/pipeline.ts'
import type { HideText } from '../core/secrets/secret-forms.ts'
import { announce, report } from '../engine/walk.ts'
import { BranchRun, runOf } from '../engine/branch-run.ts'
import { openBranches } from '../engine/open-branches.ts'
import type { Message } from '../core/message.ts'
import type { RunningWork, WorkRun } from '../core/work-run.ts'
import { ownedVault } from './owned-vault.ts'
import type { Services } from './services.ts'
import type { SharedThings } from './shared.ts'
import { tracedUpstream } from './traced-upstream.ts'

/** What a flow's scopes need while their pipeline lives. */
export interface ScopeParts {
  readonly services: Services
  readonly shared: SharedThings
  readonly flow: Flow
  readonly estate: Estate
  readonly around: Surroundings
  /** Starts a run behind a port of a node, outside any caller's run. */
  emit(node: LinkedNode, port: string, message: Message): void
  /** Does something once the pipeline is part of the live deployment. */
  whenLive(begin: () => void, each: boolean): void
  /** Starts a run whose end is told; `undefined` when no deployment holds the pipeline. */
  runWork(node: LinkedNode, work: WorkRun): RunningWork | undefined
  /** Starts a run at Status nodes when there is no run to do it in. */
  wake(node: LinkedNode, message: Message): void
  /** Whether the editor switched this debug node on or off by hand. */
  debugSwitch(node: string): boolean | undefined
  onRetire(close: () => void | Promise<void>): void
  /** Labels that messages may carry to the node. */
  readonly labels?: LabelMap | undefined
  /** Takes the secrets that the flow refers to out of a text; absent: it refers to none. */
  readonly hideSecrets?: HideText | undefined
}

/** The only door of a node to what lies outside its message. */
export function createScope(node: FlowNode, linked: LinkedNode, parts: ScopeParts): Scope {
  const { services, around, flow } = parts
  const organisation = organisationOf(flow.document)
  const facts = { flow: flow.document.id, node: node.id, type: node.type }
  const log: Scope['log'] = {
    debug: (more, text) => services.log.debug({ ...facts, ...more }, text),
    info: (more, text) => services.log.info({ ...facts, ...more }, text),
    warn: (more, text) => services.log.warn({ ...facts, ...more }, text),
    error: (more, text) => services.log.error({ ...facts, ...more }, text),
  }
  const env = (name: string) => lookUpEnv(node, name, around)
  const doors = { upstream: services.upstream, sandbox: services.sandbox }
  const reused = services.reuse?.forNode({ id: node.id, flow: flow.document.id }, doors, !/^(?:off|false|no|0)$/i.test(String(env('SLUICE_REUSE') ?? '')))
  if (reused) parts.onRetire(() => reused.close())
  const { upstream, sandbox } = reused ?? doors
  return {
    node: {
      id: node.id,
      type: node.type,
      ...(node.name === undefined ? {} : { name: node.name }),
      revision: linked.revision,
      flow: flow.document.id,
      path: pathOf(node),
      owner: 'default',
      ...(organisation === undefined ? {} : { organisation }),
    },
    log,
    ...(parts.labels ? { labels: parts.labels } : {}),
    ...(parts.hideSecrets ? { hideSecrets: parts.hideSecrets } : {}),
    clock: services.clock,
    sandbox,
    // Outermost: what is written down is what the node gets, whether it was fetched or still held.
    upstream: services.tracing ? tracedUpstream(upstream, node.id) : upstream,
    ...(reused ? { remember: reused.remember } : {}),
    contexts: services.contextsOf(node.container.id, node.id, organisation),
    clients: services.clients,
    state: services.state.of?.(flow.document.id) ?? services.state,
    lines: services.lines,
    jobs: services.jobs,
    schedules: services.schedules,
    ...(services.holding ? { holding: services.holding } : {}),
    ...(services.identities ? { identities: services.identities } : {}),
    decisions: services.decisions,
    ...(services.ledger ? { ledger: services.ledger } : {}),
    get vault() {
      const vault = services.vault?.()
      return vault && ownedVault(vault, organisation)
    },
    credentials: credentialsOf(node, around),
    env,
    configNode(id) {
      const local = flow.nodes.get(id)
      if (local) {
        return { type: local.type, config: substituteProperties(local.properties, env) as Record<string, unknown>, drawn: local.properties, credentials: credentialsOf(local, around), ...(organisation === undefined ? {} : { organisation }) }
      }
      const global = parts.estate.global?.nodes.find((candidate) => candidate.id === id && candidate.d !== true)
      if (!global) return undefined
      const drawn = ownProperties(global)
      return { type: global.type, config: substituteProperties(drawn, env) as Record<string, unknown>, drawn, credentials: ownCredentials(around, id) ?? {} }
    },
    isWired: (port) => (linked.wires[linked.ports.indexOf(port)]?.length ?? 0) > 0,
    status(status, run, message = {}) {
      services.publish({ kind: 'status', node: node.id, flow: flow.document.id, status })
      if (!linked.statuses) return
      // A run that has ended starts nothing: two nodes that tell each other would go on for ever.
      if (run) {
        const whole = runOf(run)
        if (!whole.ended) announce(whole, linked, status, message)
      } else for (const listener of linked.statuses.listeners) parts.wake(listener, { ...message, status: { ...status, source: linked.statuses.source } })
    },
    error: (fault, message, run) => report(runOf(run), linked, message, fault, run instanceof BranchRun ? run.trail : undefined),
    branches: (run) => openBranches(run, linked),
    runApart(run, work) {
      const from = runOf(run)
      from.home.startApart?.(from, linked, work)
    },
    emit: (port, message) => parts.emit(linked, port, message),
    whenLive: (begin, each = false) => parts.whenLive(begin, each),
    runWork: (work) => parts.runWork(linked, work),
    debug: (entry) => services.publish({ kind: 'debug', flow: flow.document.id, entry }),
    isDebugActive: (configured) => parts.debugSwitch(node.id) ?? parts.debugSwitch(node.origin.node) ?? configured,
    share(key, open, close) {
      const [thing, release] = parts.shared.hold(key.startsWith('*') ? key : `${node.type}:${key}`, open, close)
      parts.onRetire(release)
      return thing
    },
    onRetire: (close) => parts.onRetire(close),
  }
}

/** A node inside a subflow uses the credentials of its template. */
function credentialsOf(node: FlowNode, around: Surroundings): Readonly<Record<string, unknown>> {
  return ownCredentials(around, node.id) ?? ownCredentials(around, node.origin.node) ?? {}
}

function ownCredentials(around: Surroundings, id: string): Readonly<Record<string, unknown>> | undefined {
  return ownValue(around.credentials, id) as Readonly<Record<string, unknown>> | undefined
}
