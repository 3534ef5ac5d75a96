import type { EditorNode } from '../../runtime/core/flow.ts'

export type NodeCredentials = Readonly<Record<string, unknown>>
export type CredentialKinds = Readonly<Record<string, 'text' | 'password' | 'hidden'>>

/** What the editor sends in place of a password that was not touched. */
export const untouched = '__PWRD__'

/**
 * Takes the credentials out of what the editor sent and merges them with those that are kept, as Node-RED
 * does (@node-red/runtime lib/nodes/credentials.js, `extract` and `clean`): an untouched password stays, an
 * empty value deletes, credentials of nodes that are gone go too. Secrets in `cred` environment entries are
 * taken out as well. `kindsOf` gives a type's declared credentials: `undefined` for a type nobody declared.
 */
export function extractCredentials(
  nodes: readonly EditorNode[],
  kept: ReadonlyMap<string, NodeCredentials>,
  kindsOf: (type: string) => CredentialKinds | null | undefined,
): { nodes: EditorNode[]; credentials: Map<string, NodeCredentials> } {
  const credentials = new Map<string, NodeCredentials>()
  const bare = nodes.map((node) => {
    const { node: without, given } = takeOut(node)
    const saved = kept.get(node.id)
    const merged = given ? merge(node.type, given, saved ?? {}, kindsOf(node.type)) : saved
    if (merged && Object.keys(merged).length > 0) credentials.set(node.id, merged)
    return without
  })
  return { nodes: bare, credentials }
}

function takeOut(node: EditorNode): { node: EditorNode; given?: NodeCredentials } {
  const hasSecretEnv = Array.isArray(node.env) && node.env.some(isSecretEnv)
  if (!Object.hasOwn(node, 'credentials') && !hasSecretEnv) return { node }
  const { credentials, ...rest } = node
  const own = isRecord(credentials) ? credentials : undefined
  if (!hasSecretEnv) return own ? { node: rest as EditorNode, given: own } : { node: rest as EditorNode }

  const fromEnv: [string, unknown][] = []
  const env = (rest.env as unknown[]).map((entry) => {
    if (!isRecord(entry) || entry.type !== 'cred' || typeof entry.name !== 'string') return entry
    fromEnv.push([entry.name, isSecretEnv(entry) ? entry.value : untouched])
    if (!isSecretEnv(entry)) return entry
    const { value: _secret, ...open } = entry
    return open
  })
  const names = fromEntries(fromEnv)
  const given = node.type === 'global-config' ? { map: { ...names, ...(isRecord(own?.map) ? own.map : {}) } } : { ...names, ...own }
  return { node: { ...rest, env } as EditorNode, given }
}

function isSecretEnv(entry: unknown): boolean {
  return isRecord(entry) && entry.type === 'cred' && typeof entry.name === 'string' && typeof entry.value === 'string' && entry.value !== '' && entry.value !== untouched
}

function merge(type: string, given: NodeCredentials, saved: NodeCredentials, kinds: CredentialKinds | null | undefined): NodeCredentials {
  // Three kinds of owner: what has free names (subflows, tabs, groups, types nobody declared), the
  // global-config's map, and nodes whose definition lists the names.
  if (type === 'global-config') return mergeMap(given, saved)
  if (kinds === undefined || /^subflow(:|$)/.test(type)) return mergeFree(type, given, saved)
  const merged = new Map(Object.entries(saved))
  for (const name of Object.keys(kinds ?? {})) {
    if (!Object.hasOwn(given, name) || given[name] === undefined || given[name] === untouched) continue
    put(merged, name, given[name])
  }
  return fromEntries(merged)
}

function mergeFree(type: string, given: NodeCredentials, saved: NodeCredentials): NodeCredentials {
  const merged = new Map(Object.entries(saved))
  for (const [name, value] of Object.entries(given)) if (value !== untouched) put(merged, name, value)
  if (/^subflow(:|$)/.test(type)) for (const name of merged.keys()) if (!Object.hasOwn(given, name)) merged.delete(name)
  return fromEntries(merged)
}

function mergeMap(given: NodeCredentials, saved: NodeCredentials): NodeCredentials {
  const before = isRecord(saved.map) ? saved.map : {}
  const now = isRecord(given.map) ? given.map : {}
  const merged = new Map<string, unknown>()
  for (const [name, value] of Object.entries(now)) {
    if (name.startsWith('has_')) continue
    if (value === untouched) {
      if (Object.hasOwn(before, name)) merged.set(name, before[name])
    } else put(merged, name, value)
  }
  return merged.size > 0 ? { map: fromEntries(merged) } : {}
}

function put(into: Map<string, unknown>, name: string, value: unknown): void {
  const empty = value === null || value === undefined || (typeof value === 'string' && value.trim() === '') || (Array.isArray(value) && value.length === 0)
  if (empty) into.delete(name)
  else into.set(name, value)
}

/** Defines own properties, whatever they are called; assignment would run the setter of `__proto__`. */
function fromEntries(entries: Iterable<readonly [string, unknown]>): Record<string, unknown> {
  return Object.fromEntries(entries)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Node-RED's view for the editor: values of kind text, `has_<name>` for everything else. */
export function toEditorView(type: string, saved: NodeCredentials | undefined, kinds: CredentialKinds | null | undefined): Record<string, unknown> {
  if (!saved) return {}
  const view: [string, unknown][] = []
  const has = (value: unknown) => value !== null && value !== undefined && value !== ''
  if (type === 'global-config') {
    const map = isRecord(saved.map) ? saved.map : {}
    const entries = Object.entries(map).flatMap(([name, value]) => [[name, untouched] as const, [`has_${name}`, has(value)] as const])
    return { map: fromEntries(entries) }
  }
  if (kinds === undefined || /^subflow(:|$)/.test(type)) {
    for (const [name, value] of Object.entries(saved)) view.push([`has_${name}`, has(value)])
    return fromEntries(view)
  }
  for (const [name, kind] of Object.entries(kinds ?? {})) {
    // The form sends the mark back, which leaves the secret as it is.
    if (kind === 'hidden') view.push([name, has(saved[name]) ? untouched : ''])
    else if (kind === 'password') view.push([`has_${name}`, has(saved[name])])
    else view.push([name, saved[name] ?? ''])
  }
  return fromEntries(view)
}
