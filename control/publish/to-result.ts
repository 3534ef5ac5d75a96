import type { EditorNode, Problem } from '../../runtime/core/flow.ts'
import type { ManagedApi } from '../contract.ts'
import type { RegisteredApi, RegisteredRoute, RegistrationResult } from './contract.ts'
import type { Converted } from './convert.ts'
import type { Estate } from './estate.ts'
import type { MergedTab } from './merge-tab.ts'
import type { Operation } from './operation.ts'
import type { GeneratedFlow } from './to-nodes.ts'

/** What was done, or would be, in the asker's words: routes, nodes and records of each API. */
export function toResult(converted: readonly Converted[], estate: Estate, about: { dryRun: boolean; problems: readonly Problem[]; release?: number; records?: ReadonlyMap<string, ManagedApi> }): RegistrationResult {
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
