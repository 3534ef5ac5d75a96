import type { AssembledFlow, Assembly } from '../compile/assemble.ts'
import type { Catalogue } from '../compile/catalogue.ts'
import { globalEnv, type Surroundings } from '../compile/env.ts'
import type { EnvEntry } from '../compile/flow.ts'
import { link, type LinkResult } from '../compile/link.ts'
import type { Problem } from '../core/flow.ts'
import type { Credentials } from '../core/release.ts'
import { createHideText } from '../core/secrets/secret-forms.ts'
import { computeEnv, credentialVariables } from './compute-env.ts'
import type { EarlySends } from './early-sends.ts'
import { createHideValues, type Hidings } from './hide-values.ts'
import { fillConfig, flowDeadlineMs } from './fill-config.ts'
import type { LiveDeployment } from './live-deployment.ts'
import { noSecrets, type SecretValues } from './resolve-secrets.ts'
import { createScope } from './scope.ts'
import type { Services } from './services.ts'
import type { SharedThings } from './shared.ts'

export interface FlowLinkerParts {
  readonly catalogue: Catalogue
  readonly services: Services
  readonly shared: SharedThings
  readonly early: EarlySends
  readonly hidings: Hidings
  /** Limit of a run unless its flow sets its own. */
  readonly deadlineMs: number
  /** The deployment that a run of this pipeline begins in, once it is part of one. */
  holderOf(flow: string, key: string): LiveDeployment | undefined
  debugSwitch(node: string): boolean | undefined
}

/**
 * Makes a pipeline of an assembled flow: its environment computed, its configs filled in, its nodes given their scopes. The credentials have the
 * secrets put in; `secrets` are those that the flow refers to.
 */
export type LinkFlow = (key: string, assembled: AssembledFlow, assembly: Assembly, credentials: Credentials, secrets?: SecretValues) => Promise<LinkResult>

/** Links checked flows to pipelines with what the gateway has. */
export function createFlowLinker({ catalogue, services, shared, early, hidings, deadlineMs, holderOf, debugSwitch }: FlowLinkerParts): LinkFlow {
  return async function linkFlow(key, assembled, { estate }, credentials, secrets = noSecrets) {
    const { flow } = assembled
    const id = flow.document.id
    const computed = new Map<EnvEntry, unknown>()
    const around: Surroundings = { credentials, process: services.env, global: globalEnv(estate), computed }
    const hiding = createHideValues(secrets)
    const hide = (problems: readonly Problem[]) => hiding?.problems(problems) ?? problems
    const problems = await computeEnv(flow, around, computed, services)
    if (problems.length > 0) return { problems: hide(problems) }
    const retirement = createRetirement(id, services.log)
    if (services.tracing) {
      const { tracing } = services
      // Also by themselves: in credentials they may stand inside a longer text.
      tracing.keepSecrets(key, secrets.size === 0 ? credentials : { ...credentials, '': Object.fromEntries(secrets) })
      retirement.add(() => tracing.forgetSecrets(key))
    }

    if (hiding) {
      hidings.keep(key, hiding)
      retirement.add(() => hidings.forget(key))
    }
    const hideSecrets = createHideText([...secrets.values(), ...credentialVariables(flow, around)])
    // What nodes show to people goes through here.
    const own: Services = hiding ? { ...services, publish: (event) => services.publish(hiding.value(event)) } : services

    /** What On Start code sends waits for the commit: until then there is no deployment that it could run in. */
    function whenLive(begin: (holder: LiveDeployment) => void, always = false): void {
      if (retirement.begun) return
      const holder = holderOf(id, key)
      if (holder) begin(holder)
      else early.keep(key, () => whenLive(begin, always), always)
    }

    const result = await link(assembled, {
      key,
      deadlineMs: flowDeadlineMs(assembled, around, deadlineMs),
      configOf: (node) => fillConfig(node, assembled, around, catalogue, secrets),
      scopeOf: (node, linked) =>
        createScope(node, linked, {
          services: own,
          shared,
          flow,
          estate,
          around,
          emit: (from, port, message) => whenLive((holder) => holder.startBehind(from, port, message)),
          wake: (listener, message) => whenLive((holder) => holder.start(listener, 'emit', message)),
          whenLive: (begin, each) => (each ? early.keepEach(key, begin) : whenLive(begin, true)),
          runWork: (from, work) => holderOf(id, key)?.startWork(from, work),
          debugSwitch,
          onRetire: (close) => retirement.add(close),
          labels: assembled.labels?.get(node.id)?.incoming,
          hideSecrets,
        }),
      close: () => retirement.begin(),
    })
    return 'problems' in result ? { problems: hide(result.problems) } : result
  }
}

/** What the nodes of a pipeline want done when it retires: newest first, and none keeps the others from it. */
function createRetirement(flow: string, log: Services['log']) {
  const closing: (() => void | Promise<void>)[] = []
  let begun = false
  return {
    get begun() {
      return begun
    },
    add: (close: () => void | Promise<void>) => void closing.push(close),
    async begin(): Promise<void> {
      begun = true
      for (const close of closing.splice(0).reverse()) {
        try {
          await close()
        } catch (thrown) {
          log.error({ flow, message: thrown instanceof Error ? thrown.message : String(thrown) }, 'a node failed while it was retired')
        }
      }
    },
  }
}
