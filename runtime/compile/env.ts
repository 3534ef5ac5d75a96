import type { Credentials } from '../core/release.ts'
import type { Container, EnvEntry, FlowNode } from './flow.ts'
import { readEnv } from './expand.ts'
import type { Estate } from './flow.ts'

/** What an environment look-up may see besides the flow itself. */
export interface Surroundings {
  readonly credentials: Credentials
  /** The allow-listed process environment: deny by default. */
  readonly process: Readonly<Record<string, string>>
  readonly global: readonly EnvEntry[]
  /** Values of the entries that are expressions, once they were evaluated; until then they have none. */
  readonly computed?: ReadonlyMap<EnvEntry, unknown>
}

/**
 * What one look-up may cost. Entries that name others twice double it level by level, so that fifty short
 * entries would take for ever and make a text that fits nowhere.
 */
interface Budget extends Surroundings {
  left: number
}

const mostSteps = 10_000
const longestText = 1024 * 1024

/** Entries of every global-config node, in order. */
export function globalEnv(estate: Estate): EnvEntry[] {
  return (estate.global?.nodes ?? []).filter((node) => node.type === 'global-config' && node.d !== true).flatMap((node) => readEnv(node.env).map((entry) => ({ ...entry, owner: node.id })))
}

/**
 * Node-RED's chain, seen from a node: its own name and id, its groups outwards, its container, then (from
 * inside a subflow) the instance's place, then global entries, then the allow-listed process environment.
 * `$parent.X` skips one level.
 */
export function lookUpEnv(node: FlowNode, name: string, around: Surroundings): unknown {
  if (name === 'NR_NODE_ID') return node.id
  if (name === 'NR_NODE_NAME') return node.name ?? ''
  if (name === 'NR_NODE_PATH') return pathOf(node)
  return fromGroups(node, node.groups, name, { ...around, left: mostSteps }, 0)
}

/** The same chain seen from a tab as a whole. */
export function lookUpTabEnv(tab: Container, name: string, around: Surroundings): unknown {
  return fromContainer(tab, name, { ...around, left: mostSteps }, 0)
}

/** The end of the chain: global entries, then the process environment. */
export function lookUpGlobalEnv(name: string, around: Surroundings): unknown {
  const outside = skipLevel(name)
  return outside === undefined ? fromGlobal(name, { ...around, left: mostSteps }, 0) : ownValue(around.process, outside)
}

function fromGroups(node: FlowNode, groups: readonly string[], name: string, around: Budget, depth: number): unknown {
  if (depth > 50 || --around.left < 0) return undefined // entries that refer to each other in a circle have no value
  const [id, ...outer] = groups
  if (id === undefined) return fromContainer(node.container, name, around, depth)
  const skip = skipLevel(name)
  if (skip !== undefined) return fromGroups(node, outer, skip, around, depth + 1)
  const group = node.container.groups.get(id)
  if (name === 'NR_GROUP_ID') return id
  if (name === 'NR_GROUP_NAME') return group?.name ?? ''
  const entry = group?.env.findLast((candidate) => candidate.name === name)
  if (entry) return evaluate(entry, [id], around, (inner) => fromGroups(node, inner === name ? outer : groups, inner, around, depth + 1))
  return fromGroups(node, outer, name, around, depth)
}

function fromContainer(container: Container, name: string, around: Budget, depth: number): unknown {
  if (depth > 50 || --around.left < 0) return undefined
  const outside = (inner: string): unknown => {
    const instance = container.instance
    return instance ? fromGroups(instance, instance.groups, inner, around, depth + 1) : fromGlobal(inner, around, depth + 1)
  }
  const skip = skipLevel(name)
  if (skip !== undefined) return outside(skip)
  const kind = container.instance ? 'SUBFLOW' : 'FLOW'
  if (name === `NR_${kind}_ID`) return container.id
  if (name === `NR_${kind}_NAME`) return container.label
  if (name === 'NR_SUBFLOW_PATH' && container.instance) return pathOf(container.instance)
  const entry = container.env.findLast((candidate) => candidate.name === name)
  if (!entry) return outside(name)
  return evaluate(entry, container.credentialIds, around, (inner) => (inner === name ? outside(inner) : fromContainer(container, inner, around, depth + 1)))
}

function fromGlobal(name: string, around: Budget, depth: number): unknown {
  if (depth > 50 || --around.left < 0) return undefined
  const entry = around.global.findLast((candidate) => candidate.name === name)
  if (!entry) return Object.hasOwn(around.process, name) ? around.process[name] : undefined
  return evaluate(entry, entry.owner === undefined ? [] : [entry.owner], around, (inner) =>
    inner === name ? ownValue(around.process, inner) : fromGlobal(inner, around, depth + 1),
  )
}

/** The value of an entry by its type; what cannot be read has none. */
function evaluate(entry: EnvEntry, credentialIds: readonly string[], around: Surroundings, look: (name: string) => unknown): unknown {
  const { type, value } = entry
  switch (type) {
    case 'num': return Number(value)
    case 'bool': return value === true || /^true$/i.test(String(value))
    case 'json': return readJson(value)
    case 'bin': return Buffer.from(readJson(value) as number[] | string)
    case 'env': return substitute(String(value), look)
    case 'jsonata': return around.computed?.get(entry)
    case 'cred': {
      for (const id of credentialIds) {
        const credentials = ownValue(around.credentials, id)
        const secret = ownValue(credentials, entry.name) ?? ownValue(ownValue(credentials, 'map'), entry.name)
        if (secret !== undefined) return secret
      }
      return value === '' ? undefined : value // flow JSON never holds the secret itself
    }
    default: return value
  }
}

/** What ids and names of a flow are looked up with: one called `constructor` finds nothing of the prototype. */
export function ownValue(of: unknown, key: string): unknown {
  return typeof of === 'object' && of !== null && Object.hasOwn(of, key) ? (of as Record<string, unknown>)[key] : undefined
}

function readJson(value: unknown): unknown {
  try {
    return typeof value === 'string' ? JSON.parse(value) : value
  } catch {
    return undefined
  }
}

/** TypedInput `env`: a bare name, or text with `${NAME}` inside. */
function substitute(text: string, look: (name: string) => unknown): unknown {
  const whole = /^\$\{([^}]+)\}$/.exec(text)
  if (whole) return look(whole[1] as string)
  if (!text.includes('${')) return look(text)
  let made = 0
  return text.replaceAll(/\$\{([^}]+)\}/g, (_match, name: string) => {
    const value = made > longestText ? '' : String(look(name) ?? '')
    made += value.length
    return value
  })
}

/**
 * `${X}` or `$(X)` as the whole text of a property becomes the value of X; an unknown name leaves the
 * text as it is (Node-RED's rule). Lists and objects are looked through.
 */
export function substituteProperties(value: unknown, look: (name: string) => unknown): unknown {
  if (typeof value === 'string') {
    const match = /^\$\{([^}]+)\}$|^\$\(([^)]+)\)$/.exec(value)
    if (!match) return value
    return look((match[1] ?? match[2]) as string) ?? value
  }
  if (Array.isArray(value)) return value.map((item: unknown) => substituteProperties(item, look))
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, substituteProperties(inner, look)]))
  }
  return value
}

function skipLevel(name: string): string | undefined {
  return name.startsWith('$parent.') ? name.slice('$parent.'.length) : undefined
}

/** Container ids from the tab inwards, then the node: `tab/instance/node`. */
export function pathOf(node: FlowNode): string {
  const ids = [node.id]
  for (let container: Container | undefined = node.container; container; container = container.instance?.container) ids.unshift(container.id)
  return ids.join('/')
}
