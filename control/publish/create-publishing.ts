import { setImmediate } from 'node:timers/promises'
import type { EditorNode, Problem } from '../../runtime/core/flow.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Desk } from '../consumers/records.ts'
import type { Unit } from '../consumers/unit.ts'
import { Refused, type Actor, type Consumers, type Flows, type ManagedApi } from '../contract.ts'
import { createOpenapiCheck } from './check-openapi.ts'
import type { ApiRegistration, ApiRegistrations, Publishing, RegisteredApi, RegisteredRoute, RegistrationResult } from './contract.ts'
import { fromOpenapi } from './from-openapi.ts'
import { fromUrl } from './from-url.ts'
import { mergeTab, type MergedTab } from './merge-tab.ts'
import type { Operation } from './operation.ts'
import { at, inputProblem, refuseProblems } from './problems.ts'
import { readDocument } from './read-document.ts'
import { addRecord, needWrite, settleRecord, withdrawRecord, type RecordPlan } from './records.ts'
import { tabIdOf, toNodes, type GeneratedFlow } from './to-nodes.ts'

export interface PublishingParts {
  readonly flows: Flows
  readonly consumers: Pick<Consumers, 'check'>
  readonly desk: Desk
  readonly log: Log
}

/** How often a deploy is tried again when somebody else deployed meanwhile. */
const attempts = 4

/** One API, converted; nothing of what is there has been looked at. */
interface Converted {
  readonly registration: ApiRegistration
  /** Before the pointers of its problems: empty when it came alone. */
  readonly base: string
  readonly plan: RecordPlan
  readonly operations: readonly Operation[]
  readonly generated: GeneratedFlow
  readonly warnings: readonly Problem[]
}

/** An estate with the registered flows in it. */
interface Estate {
  readonly rev: string
  readonly before: readonly EditorNode[]
  readonly nodes: readonly EditorNode[]
  readonly merged: ReadonlyMap<string, MergedTab>
}

/** Marks a transaction that was only to be tried. */
const tried = new Refused('register.dry_run', 409, 'Only tried.')

export function createPublishing({ flows, consumers, desk, log }: PublishingParts): Publishing {
  const checkDocument = createOpenapiCheck()

  async function convertAll(input: ApiRegistration | ApiRegistrations, by: Actor): Promise<Converted[]> {
    const many = 'apis' in input
    consumers.check(many ? 'ApiRegistrations' : 'ApiRegistration', input)
    const list = many ? input.apis : [input]
    // Who may not write learns nothing of what is wrong.
    const access = await desk.access(by)
    for (const { organisation } of list) needWrite({ access }, organisation)
    const twice = list.findIndex(({ id }, index) => list.findIndex((other) => other.id === id) !== index)
    if (twice >= 0) refuseProblems([inputProblem(`/apis/${twice}/id`, `“${list[twice]?.id}” is in the list twice.`, 'Give each API its own id.')])
    const converted: Converted[] = []
    const problems: Problem[] = []
    for (const [index, registration] of list.entries()) {
      const base = many ? `/apis/${index}` : ''
      // Large documents take a while each; others get their turn between them.
      if (index > 0) await setImmediate()
      try {
        converted.push(await at(base, () => convert(registration, base)))
      } catch (thrown) {
        if (!(thrown instanceof Refused) || thrown.status !== 422 || thrown.problems.length === 0) throw thrown
        problems.push(...thrown.problems)
      }
    }
    refuseProblems(problems)
    return converted
  }

  async function convert(registration: ApiRegistration, base: string): Promise<Converted> {
    const { id, url, openapi, organisation, version, family, auth = true, upstream, visibility, description, tags } = registration
    if ((url === undefined) === (openapi === undefined)) {
      refuseProblems([inputProblem('/url', 'An API is made of a URL or of an OpenAPI document: exactly one of “url” and “openapi”.', 'Send one of the two.')])
    }
    if (url !== undefined && upstream !== undefined) refuseProblems([inputProblem('/upstream', '“upstream” goes with an OpenAPI document; a URL names its own.', 'Leave it out.')])
    const read = url !== undefined ? fromUrl(registration) : await at('/openapi', () => readOperations(registration))
    const title = 'title' in read ? read.title : undefined
    // What people wrote into the record since stays, unless the input says otherwise.
    const described = 'description' in read ? read.description : undefined
    const name = registration.name ?? (title || id)
    const initial = {
      name, ...(described === undefined ? {} : { description: described }),
      // Who asks nobody for a key serves everybody; a record that is not public would let nobody in.
      ...(auth ? {} : { visibility: 'public' as const }),
    }
    const input = {
      organisation, flow: tabIdOf(id),
      ...(registration.name === undefined ? {} : { name }), ...(version === undefined ? {} : { apiVersion: version }), ...(family === undefined ? {} : { family }), ...(visibility === undefined ? {} : { visibility }),
      ...(description === undefined ? {} : { description }), ...(tags === undefined ? {} : { tags }),
    }
    const generated = toNodes({
      id, name, organisation, auth, operations: read.operations, origin: title === undefined ? `Registered from ${shownUrl(url ?? '')}` : `Registered from the OpenAPI document “${title}”`,
      ...(version === undefined ? {} : { version }),
    })
    return { registration, base, plan: { id, input, initial, registration }, operations: read.operations, generated, warnings: read.warnings }
  }

  async function readOperations(registration: ApiRegistration) {
    const document = readDocument(registration.openapi)
    refuseProblems(await checkDocument(document))
    // Its own fields are named as such, the rest is in the document.
    return fromOpenapi(document, registration)
  }

  function merge(converted: readonly Converted[], { nodes: before, rev }: { readonly nodes: readonly EditorNode[]; readonly rev: string }): Estate {
    const merged = new Map<string, MergedTab>()
    const tabs = new Map<string, readonly EditorNode[]>()
    for (const { plan: { id }, generated } of converted) {
      const z = generated.tab.id
      const own = mergeTab(before.filter((node) => node.id === z || node.z === z), generated)
      merged.set(id, own)
      tabs.set(z, own.nodes)
    }
    const nodes: EditorNode[] = []
    const placed = new Set<string>()
    for (const node of before) {
      const z = node.type === 'tab' ? node.id : (node.z ?? '')
      const tab = tabs.get(z)
      if (!tab) nodes.push(node)
      else if (!placed.has(z)) {
        nodes.push(...tab)
        placed.add(z)
      }
    }
    for (const [z, tab] of tabs) if (!placed.has(z)) nodes.push(...tab)
    return { rev, before, nodes, merged }
  }

  /** @throws Refused `register.changed` 409 with everything that would be lost */
  function refuseLosses(converted: readonly Converted[], { merged }: Estate): void {
    const problems = converted.flatMap(({ base, plan: { id }, registration, generated }) =>
      registration.replace === true ? [] : (merged.get(id)?.lost ?? []).map(({ node, what, done }): Problem => ({
        severity: 'error', code: 'register.changed', pointer: base, flow: generated.tab.id, node,
        message: `${what} was ${done} by hand in the flow of “${id}”, and the source has changed it as well.`,
        remedy: 'Bring the two together in the editor, or register with “replace” to overwrite what was done by hand.',
      })))
    const [first] = problems
    if (first) throw new Refused('register.changed', 409, `${first.message}${problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''}`, problems)
  }

  /** Work on the records by the rules that hold once the flows are live: the check of a record asks whose its flow is. */
  const withFlows = (converted: readonly Converted[], unit: Unit): Unit => {
    const own = new Map(converted.map(({ plan: { input } }) => [input.flow, { organisation: input.organisation }]))
    return { ...unit, flowOf: (id) => unit.flowOf(id) ?? own.get(id) }
  }

  /** Everything that the records would refuse, found before anything is deployed. */
  async function tryRecords(converted: readonly Converted[], by: Actor): Promise<void> {
    try {
      await desk.run(by, async (given) => {
        const unit = withFlows(converted, given)
        for (const { plan, base } of converted) {
          await at(base, async () => {
            const row = await unit.find('apis', plan.id)
            const flow = row && row.retired_at === null ? (JSON.parse(row.body) as ManagedApi).flow : plan.input.flow
            if (flow !== plan.input.flow) {
              throw new Refused('register.flow', 409, `“${plan.id}” is served by a flow that was drawn, not registered.`, [{
                severity: 'error', code: 'register.flow', pointer: '/id', flow, message: `The API “${plan.id}” is served by the flow “${flow}”.`, remedy: 'Choose another id, or change that flow in the editor.',
              }])
            }
            await addRecord(unit, plan)
            await settleRecord(unit, plan)
          })
        }
        throw tried
      })
    } catch (thrown) {
      if (thrown !== tried) throw thrown
    }
  }

  function toResult(converted: readonly Converted[], estate: Estate, about: { dryRun: boolean; problems: readonly Problem[]; release?: number; records?: ReadonlyMap<string, ManagedApi> }): RegistrationResult {
    const { dryRun, problems, release, records } = about
    return {
      dryRun,
      apis: converted.map(({ registration, plan: { id, input, initial }, operations, generated }): RegisteredApi => {
        const merged = estate.merged.get(id) as MergedTab
        const { lifecycle, group } = registration
        const api = records?.get(id)
        return {
          id, name: api?.name ?? input.name ?? initial.name, flow: generated.tab.id, change: merged.change, routes: toRoutes(operations, generated, merged), nodes: merged.nodes,
          added: merged.added.length, changed: merged.changed.length, removed: merged.removed.length, kept: merged.kept, lost: merged.lost, record: { ...initial, ...input },
          ...(lifecycle === undefined ? {} : { lifecycle }), ...(group === undefined ? {} : { group }), ...(api ? { api } : {}),
        }
      }),
      ...(release === undefined ? {} : { release }),
      problems: [...converted.flatMap(({ warnings }) => warnings), ...problems],
    }
  }

  const concerns = (converted: readonly Converted[], problems: readonly Problem[]) => {
    const own = new Set(converted.map(({ generated }) => generated.tab.id))
    return problems.filter(({ severity, flow }) => severity === 'error' || (flow !== undefined && own.has(flow)))
  }

  /** Puts the flows live; what somebody else deploys meanwhile is kept. */
  async function deploy(converted: readonly Converted[], by: Actor): Promise<{ estate: Estate; release?: number; rev?: string; problems: readonly Problem[] }> {
    const names = converted.map(({ plan }) => plan.id)
    for (let attempt = 1; ; attempt++) {
      const estate = merge(converted, await flows.current(by))
      refuseLosses(converted, estate)
      if ([...estate.merged.values()].every(({ change }) => change === 'same')) return { estate, problems: [] }
      try {
        const { release, rev, warnings } = await flows.deploy({ nodes: estate.nodes, rev: estate.rev, user: by, comment: `Registered ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}` })
        return { estate, release, rev, problems: concerns(converted, warnings) }
      } catch (thrown) {
        if (!(thrown instanceof Refused) || thrown.code !== 'deploy.conflict' || attempt >= attempts) throw thrown
      }
    }
  }

  /** Brings the tabs back as they were; what somebody else deployed since is kept. */
  async function undeploy(converted: readonly Converted[], before: readonly EditorNode[], by: Actor): Promise<void> {
    const own = new Set(converted.map(({ generated }) => generated.tab.id))
    const isOwn = (node: EditorNode) => own.has(node.id) || (node.z !== undefined && own.has(node.z))
    for (let attempt = 1; ; attempt++) {
      const { nodes, rev } = await flows.current()
      try {
        await flows.deploy({ nodes: [...nodes.filter((node) => !isOwn(node)), ...before.filter(isOwn)], rev, user: by.name, comment: 'Taken back: the records could not be written' })
        return
      } catch (thrown) {
        if (!(thrown instanceof Refused) || thrown.code !== 'deploy.conflict' || attempt >= attempts) throw thrown
      }
    }
  }

  /** Best effort that says what it could not do: the reason of the refusal is what the asker must get. */
  async function takeBack(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (thrown) {
      log.error({ reason: thrown instanceof Error ? thrown.message : 'unknown' }, `${what} could not be taken back after a registration that failed`)
    }
  }

  return {
    async preview(input, by) {
      const converted = await convertAll(input, by)
      await tryRecords(converted, by)
      const estate = merge(converted, await flows.current(by))
      return toResult(converted, estate, { dryRun: true, problems: concerns(converted, await flows.check(estate.nodes, by)) })
    },
    async register(input, by) {
      const converted = await convertAll(input, by)
      await tryRecords(converted, by)
      refuseLosses(converted, merge(converted, await flows.current(by)))
      // The records come first: until they say otherwise nobody is let in to a flow that has one.
      const made: string[] = []
      await desk.run(by, async (given) => {
        const unit = withFlows(converted, given)
        for (const { plan } of converted) if (await addRecord(unit, plan)) made.push(plan.id)
      })
      const withdraw = () => takeBack('a record', () => desk.run(by, async (unit) => {
        for (const id of made) await withdrawRecord(unit, id)
      }))
      let deployed: Awaited<ReturnType<typeof deploy>>
      try {
        deployed = await deploy(converted, by)
      } catch (thrown) {
        await withdraw()
        throw thrown
      }
      const { estate, release, problems } = deployed
      try {
        const records = new Map<string, ManagedApi>()
        await desk.run(by, async (unit) => {
          for (const { plan, base } of converted) records.set(plan.id, await at(base, () => settleRecord(unit, plan)))
        })
        return toResult(converted, estate, { dryRun: false, problems, records, ...(release === undefined ? {} : { release }) })
      } catch (thrown) {
        if (release !== undefined) await takeBack('a release', () => undeploy(converted, estate.before, by))
        await withdraw()
        throw thrown
      }
    },
  }
}

function toRoutes(operations: readonly Operation[], { nodes }: GeneratedFlow, merged: MergedTab): RegisteredRoute[] {
  const entryOf = new Map(nodes.filter(({ type }) => type === 'http in').map((node) => [`${String(node['method']).toUpperCase()} ${String(node['url'])}`, node.id]))
  const added = new Set(merged.added)
  const changed = new Set(merged.changed)
  const routeOf = routesOf(nodes)
  const routes = operations.map(({ method, path, upstream, summary, name }): RegisteredRoute => {
    const entry = entryOf.get(`${method} ${path}`) as string
    const change = added.has(entry) ? 'add' : (routeOf.get(entry) ?? []).some((id) => added.has(id) || changed.has(id)) ? 'change' : 'same'
    const said = summary ?? (name === '' || upstream.includes(name) ? undefined : name)
    return { method, path, upstream, ...(said === undefined ? {} : { summary: said }), change }
  })
  const gone = merged.removed.filter(({ type }) => type === 'http in').map((node): RegisteredRoute => ({ method: String(node['method']).toUpperCase(), path: String(node['url']), upstream: '', change: 'remove' }))
  return [...routes, ...gone]
}

/** Nodes of each route by its entry: they are generated one route after the other. */
function routesOf(nodes: readonly EditorNode[]): ReadonlyMap<string, readonly string[]> {
  const routes = new Map<string, string[]>()
  let current: string[] = []
  for (const { id, type } of nodes) {
    if (type === 'http in') routes.set(id, (current = []))
    current.push(id)
  }
  return routes
}

/** Without query: keys travel there. */
function shownUrl(url: string): string {
  return (url.split('?', 1)[0] as string).slice(0, 200)
}
