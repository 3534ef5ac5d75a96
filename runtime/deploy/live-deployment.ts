import type { ApartWork } from '../core/branches.ts'
import type { KnownApi } from '../core/access/clients.ts'
import type { Claim, Deployment, Route, RouteTable, RunHandle, RunInput, RunSummary } from '../core/deployment.ts'
import { type Fault, fault } from '../core/fault.ts'
import type { Message } from '../core/message.ts'
import type { LinkedNode, Pipeline } from '../core/pipeline.ts'
import { RunMarks } from '../core/run-marks.ts'
import type { DeadlineList } from '../engine/deadlines.ts'
import type { RunOutcome } from '../core/run.ts'
import type { Tracing } from '../core/trace.ts'
import type { RunningWork, WorkRun } from '../core/work-run.ts'
import { EngineRun, type RunHome, type RunHost } from '../engine/engine-run.ts'
import { openBranches } from '../engine/open-branches.ts'
import { passesOnTo, rescue, walk, walkFrom, walkOn } from '../engine/walk.ts'
import type { NoticeOf } from './api-notices.ts'
import { shortenedBy } from './request-deadline.ts'

/** How a run came about, when nobody called. */
export type Cause = Exclude<RunSummary['on'], 'http'>

/** What all deployments of a gateway share. */
export interface DeploymentHost {
  readonly runs: RunHost
  /** Which runs are written down; absent: none. */
  readonly tracing?: Tracing | undefined
  /** Callers may shorten the time of their run. */
  readonly trustsDeadline?: boolean | undefined
  /** One list per limit, so that each is sorted by itself. */
  deadlines(limitMs: number): DeadlineList
  nextRunId(): string
  /** The record of the API that a flow serves. */
  apiOf(flow: string): KnownApi | undefined
  /** Why an API is not served at the moment, whoever calls: its record says so. */
  whyClosed(api: KnownApi, entry: LinkedNode, input: RunInput): Fault | undefined
  /** Why a route that asks nobody who calls does not answer: its record says that it is not public, or a setting says that none is. */
  whyNotPublic(api: KnownApi | undefined, node: LinkedNode, call: Pick<RunInput, 'id' | 'request'>): Fault | undefined
  /** What its record has said with every answer. */
  readonly noticeOf: NoticeOf
  ended(run: EngineRun, deployment: LiveDeployment): void
}

interface Found {
  readonly node: LinkedNode
  readonly pipeline: Pipeline
}

/** Deployments so far. */
let made = 0

/** A deployment with its runs counted. States: starting → live → draining → retired. */
export class LiveDeployment implements Deployment, RunHome {
  readonly release: number
  readonly hash: string
  readonly routes: RouteTable
  readonly pipelines: ReadonlyMap<string, Pipeline>
  readonly since = new Date().toISOString()
  readonly #host: DeploymentHost
  readonly #routesOf: (flow: string) => readonly Route[]
  readonly #entries = new Map<string, Found>()
  /** By a number and not by itself: what a route keeps must not keep this. */
  readonly #number = ++made
  readonly #linkIns = new Map<string, LinkedNode>()
  #inFlight = 0
  readonly #expected = new Set<(reason: Fault) => void>()
  readonly #whenIdle: (() => void)[] = []

  /** `routesOf`: the routes of one flow. */
  constructor(release: number, hash: string, routes: RouteTable, pipelines: ReadonlyMap<string, Pipeline>, host: DeploymentHost, routesOf: (flow: string) => readonly Route[]) {
    this.#routesOf = routesOf
    this.release = release
    this.hash = hash
    this.routes = routes
    this.pipelines = pipelines
    this.#host = host
    for (const pipeline of pipelines.values()) {
      for (const { node } of pipeline.entries) this.#entries.set(node.id, { node, pipeline })
      for (const node of pipeline.linkIns) this.#linkIns.set(node.id, node)
    }
  }

  get inFlight(): number {
    return this.#inFlight
  }

  enter(route: Route, input: RunInput): RunHandle {
    const marks = this.#markOf(route)
    const entry = marks?.entry
    if (!entry) {
      input.fail(fault('route.none', { method: input.request.method, path: input.request.path }))
      return ended
    }
    const api = this.#host.apiOf(route.flow)
    if (api !== undefined) {
      const notice = this.#noticeOf(api, route, input.request.path)
      if (notice !== undefined) input.notify?.(notice)
      const closed = this.#host.whyClosed(api, entry, input)
      if (closed) {
        input.fail(closed)
        return ended
      }
    }
    if (route.guarded !== true) {
      const notPublic = this.#host.whyNotPublic(api, entry, input)
      if (notPublic) {
        input.fail(notPublic)
        return ended
      }
    }
    const ownMs = marks.limitMs as number
    const limitMs = this.#host.trustsDeadline === true ? shortenedBy(input.request, ownMs) : ownMs
    const run = new EngineRun({ id: input.id, on: 'http', entry, place: route, request: input.request, caller: input, limitMs, host: this.#host.runs, home: this, rescue })
    this.#launch(run, () => walkFrom(run, entry, marks.behind, input.message), route.claims)
    return run.ended ? ended : { abort: (reason) => run.abort(reason, true) }
  }

  /** Where a route leads here, noted beside it. */
  #markOf(route: Route): RunMarks | undefined {
    if (route.marks?.deployment === this.#number) return route.marks
    const found = this.#entries.get(route.node)
    if (found === undefined) return undefined
    const marks = route.marks ?? new RunMarks()
    marks.deployment = this.#number
    marks.entry = found.node
    marks.behind = passesOnTo(found.node)
    marks.limitMs = route.entry.deadlineMs ?? found.pipeline.deadlineMs
    return marks
  }

  noticeOf(route: Route, path: string): readonly string[] | undefined {
    const api = this.#host.apiOf(route.flow)
    return api && this.#noticeOf(api, route, path)
  }

  #noticeOf(api: KnownApi, route: Route, path: string): readonly string[] | undefined {
    return api.notice === undefined ? undefined : this.#host.noticeOf(api, route, path, this.#routesOf)
  }

  limitMsOf(route: Route): number {
    return this.#markOf(route)?.limitMs ?? route.entry.deadlineMs ?? 30_000
  }

  expect(cut: (reason: Fault) => void): () => void {
    // An own one each time: two who wait may give the same function.
    const told = (reason: Fault) => cut(reason)
    this.#expected.add(told)
    this.#inFlight++
    return () => {
      if (this.#expected.delete(told)) this.#left()
    }
  }

  /** Tells all that wait to enter that they will not. Gives their number. */
  cutExpected(reason: Fault): number {
    const all = [...this.#expected]
    for (const cut of all) cut(reason)
    return all.length
  }

  /** Starts a run that nobody called, at an entry: a timer, a button. */
  start(node: LinkedNode, on: Cause, message: Message): void {
    const run = this.#runAt(node, on)
    this.#launch(run, () => walk(run, node, message))
  }

  /** Starts a run behind a port of a node: what a timer of a script sent. */
  startBehind(node: LinkedNode, port: string, message: Message): void {
    const run = this.#runAt(node, 'emit')
    this.#launch(run, () => walkOn(run, node, { [port]: message }))
  }

  /** Starts a run behind a port of a node for somebody who waits for its end. */
  startWork(node: LinkedNode, { on, port, message, limitMs, job, request, environment }: WorkRun): RunningWork {
    const run = new EngineRun({ id: this.#host.nextRunId(), on, entry: node, job, ...(request ? { request } : {}), limitMs, host: this.#host.runs, home: this, rescue })
    if (environment) run.noteEnvironment(environment)
    let outcome: RunOutcome = { kind: 'end' }
    run.beforeAnswer((told) => void (outcome = told))
    const ended = new Promise<Awaited<RunningWork['ended']>>((resolve) => run.onEnd((end) => resolve({ outcome, end })))
    this.#launch(run, () => walkOn(run, node, { [port]: message }))
    return { ended, abort: (reason) => run.abort(reason) }
  }

  /** Goes on behind a node for a run that may have ended. It keeps what is known of the caller, and answers nobody. */
  startApart(from: EngineRun, node: LinkedNode, { port, message, limitMs, asBranch }: ApartWork): void {
    const id = `${from.id}/${this.#host.nextRunId()}`
    const { request, environment, caller } = from
    let wanted = true
    const stay = this.expect(() => (wanted = false))
    // Whatever is under way, such as the answer that it comes after, leaves first.
    setImmediate(() => {
      if (wanted) {
        const run = new EngineRun({ id, on: 'after', entry: node, ...(request ? { request } : {}), limitMs, host: this.#host.runs, home: this, rescue })
        if (environment) run.noteEnvironment(environment)
        if (caller) run.noteCaller(caller)
        const failed = (caught: Fault) => run.fail(caught)
        this.#launch(run, () => (asBranch ? void openBranches(run, node).open(port, message, { returned() {}, ended() {}, failed }) : walkOn(run, node, { [port]: message })))
      }
      stay()
    })
  }

  /** An entry or any other node by its expanded id. */
  find(id: string): Found | undefined {
    const entry = this.#entries.get(id)
    if (entry) return entry
    for (const pipeline of this.pipelines.values()) {
      const node = pipeline.nodes.get(id)
      if (node) return { node, pipeline }
    }
    return undefined
  }

  linkIn(idOrName: string, fromFlow: string, chosen = false): LinkedNode | undefined {
    const byId = this.#linkIns.get(idOrName)
    if (byId) return chosen && !this.#mayLead(fromFlow, byId.flow) ? undefined : byId
    const named = [...this.#linkIns.values()].filter((node) => node.name === idOrName && node.type === 'link in' && this.#mayLead(fromFlow, node.flow))
    // A name in the caller's own flow wins; elsewhere it has to be the only one.
    return named.find((node) => node.flow === fromFlow) ?? (named.length === 1 ? named[0] : undefined)
  }

  /** A message chooses among the flows of its own organisation and those of nobody; in a flow of nobody's among all. */
  #mayLead(from: string, to: string): boolean {
    const own = this.pipelines.get(from)?.organisation
    const other = this.pipelines.get(to)?.organisation
    return own === undefined || other === undefined || own === other
  }

  ended(run: EngineRun): void {
    this.#host.ended(run, this)
    this.#left()
  }

  #left(): void {
    this.#inFlight--
    if (this.#inFlight === 0) for (const tell of this.#whenIdle.splice(0)) tell()
  }

  /** Resolves when no run is left. Of use when no new run can begin here. */
  idle(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenIdle.push(resolve))
  }

  #runAt(node: LinkedNode, on: Cause): EngineRun {
    const limitMs = this.pipelines.get(node.flow)?.deadlineMs ?? 30_000
    return new EngineRun({ id: this.#host.nextRunId(), on, entry: node, limitMs, host: this.#host.runs, home: this, rescue })
  }

  #launch(run: EngineRun, begin: () => void, claims?: readonly Claim[]): void {
    this.#inFlight++
    const { tracing } = this.#host
    if (tracing?.active) run.trace = tracing.begin(run, claims)
    run.open()
    begin()
    run.close()
    // Only a run that waits for something needs a deadline watched.
    if (!run.ended) this.#host.deadlines(run.limitMs).add(run)
  }
}

const ended: RunHandle = { abort() {} }
