import { lookUpGlobalEnv, lookUpTabEnv, type Surroundings } from '../compile/env.ts'
import type { Container, EnvEntry, Flow } from '../compile/flow.ts'
import { organisationOf } from '../compile/organisation-of.ts'
import { payloadOf } from '../core/http/body.ts'
import { toFault } from '../core/fault.ts'
import type { Problem } from '../core/flow.ts'
import { freezeDeep } from '../core/values/freeze.ts'
import type { Services } from './services.ts'

/** Where an entry stands, and what an expression in it may look up. */
interface Place {
  readonly title: string
  readonly flow?: string
  readonly node?: string
  readonly context: string
  env(name: string): unknown
  outside(name: string): unknown
}

/**
 * Evaluates the environment entries of a flow that are JSONata, once and before its nodes are made, as Node-RED does:
 * the global ones first, then from the tab inwards, each seeing those before it. They run in the sandbox, with its
 * limits. The values go into `computed`; what fails is a problem, so that nobody runs on a variable without a value.
 */
export async function computeEnv(flow: Flow, around: Surroundings, computed: Map<EnvEntry, unknown>, services: Pick<Services, 'sandbox' | 'contextsOf'>): Promise<Problem[]> {
  const problems: Problem[] = []
  const organisation = organisationOf(flow.document)
  for (const [place, entries] of placesOf(flow, around)) {
    for (const entry of entries) {
      if (entry.type !== 'jsonata' || computed.has(entry)) continue
      try {
        computed.set(entry, await evaluate(entry, place, services, place.context === 'global' ? undefined : organisation))
      } catch (thrown) {
        problems.push(toProblem(entry, place, thrown))
      }
    }
  }
  return problems
}

/** Values of the flow's variables of type credential, where `${NAME}` stands for them: the flow's own and the global ones. */
export function credentialVariables(flow: Flow, around: Surroundings): readonly string[] {
  const values: string[] = []
  for (const [place, entries] of placesOf(flow, around)) {
    for (const { type, name } of entries) {
      const value = type === 'cred' ? place.env(name) : undefined
      if (typeof value === 'string') values.push(value)
    }
  }
  return values
}

async function evaluate(entry: EnvEntry, place: Place, { sandbox, contextsOf }: Pick<Services, 'sandbox' | 'contextsOf'>, organisation: string | undefined): Promise<unknown> {
  const run = await sandbox.jsonata(String(entry.value), {
    owner: 'default',
    id: `${place.context}:${entry.name}`,
    env: (name) => (name === entry.name ? place.outside(name) : place.env(name)), // an entry that names itself means the one further out
    contexts: contextsOf(place.context, place.context, organisation),
  })
  // There is no message and no run yet: expressions of the environment have neither.
  const payload: unknown = await run({}, undefined as never)
  return freezeDeep(payloadOf({ payload }))
}

function* placesOf(flow: Flow, around: Surroundings): Generator<[Place, readonly EnvEntry[]]> {
  yield [{ title: 'the global environment', context: 'global', env: (name) => lookUpGlobalEnv(name, around), outside: (name) => lookUpGlobalEnv(`$parent.${name}`, around) }, around.global]
  for (const container of containersOf(flow)) {
    const origin = container.instance?.origin ?? { flow: flow.document.id }
    const env = (name: string) => lookUpTabEnv(container, name, around)
    yield [{ title: `“${container.label}”`, ...origin, context: container.id, env, outside: (name) => env(`$parent.${name}`) }, container.env]
    for (const group of container.groups.values()) {
      yield [{ title: `the group “${group.name || group.id}”`, ...origin, ...(container.instance ? {} : { node: group.id }), context: container.id, env, outside: env }, group.env]
    }
  }
}

/** The tab, then the insides of its subflow instances, outer ones first. */
function containersOf(flow: Flow): Iterable<Container> {
  const containers = new Set<Container>([flow.container])
  const add = (container: Container): void => {
    if (container.instance) add(container.instance.container)
    containers.add(container)
  }
  for (const { container } of flow.nodes.values()) if (!containers.has(container)) add(container)
  return containers
}

function toProblem(entry: EnvEntry, { title, flow, node }: Place, thrown: unknown): Problem {
  const caught = toFault(thrown)
  return {
    severity: 'error', code: caught.code, ...(flow === undefined ? {} : { flow }), ...((node ?? entry.owner) === undefined ? {} : { node: node ?? (entry.owner as string) }), property: 'env',
    message: `The variable “${entry.name}” of ${title} cannot be computed: ${caught.message}`,
    remedy: 'Correct its JSONata expression, or give it a plain value.',
  }
}
