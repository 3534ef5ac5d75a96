import type { EditorNode, Problem } from '../../runtime/core/flow.ts'
import type { Log } from '../../runtime/core/log.ts'
import { bodyOf } from '../consumers/kind.ts'
import type { Desk } from '../consumers/records.ts'
import { runOrTry } from '../consumers/run-or-try.ts'
import type { Unit } from '../consumers/unit.ts'
import { Refused, type Actor, type Consumers, type Flows, type ManagedApi } from '../contract.ts'
import type { Publishing } from './contract.ts'
import { createConverter, type Converted } from './convert.ts'
import { mergeEstate, refuseLosses, type Estate } from './estate.ts'
import { at } from './problems.ts'
import { addRecord, settleRecord, withdrawRecord, type RecordPlan } from './records.ts'
import { toResult } from './to-result.ts'

export interface PublishingParts {
  readonly flows: Flows
  readonly consumers: Pick<Consumers, 'check'>
  readonly desk: Desk
  readonly log: Log
}

/** How often a deploy is tried again when somebody else deployed meanwhile. */
const attempts = 4

/** Makes APIs of what is there already, and takes back what came to nothing. */
export function createPublishing({ flows, consumers, desk, log }: PublishingParts): Publishing {
  const convertAll = createConverter({ consumers, desk })

  /** Work on the records by the rules that hold once the flows are live: the check of a record asks whose its flow is. */
  const withFlows = (converted: readonly Converted[], unit: Unit): Unit => {
    const own = new Map(converted.map(({ plan: { input } }) => [input.flow, { organisation: input.organisation }]))
    return { ...unit, flowOf: (id) => unit.flowOf(id) ?? own.get(id) }
  }

  /** Everything that the records would refuse, found before anything is deployed. */
  async function tryRecords(converted: readonly Converted[], by: Actor): Promise<void> {
    await runOrTry(desk, by, true, async (given) => {
      const unit = withFlows(converted, given)
      for (const { plan, base } of converted) {
        await at(base, async () => {
          await refuseOtherFlow(unit, plan)
          await addRecord(unit, plan)
          await settleRecord(unit, plan)
        })
      }
    })
  }

  const concerns = (converted: readonly Converted[], problems: readonly Problem[]) => {
    const own = new Set(converted.map(({ generated }) => generated.tab.id))
    return problems.filter(({ severity, flow }) => severity === 'error' || (flow !== undefined && own.has(flow)))
  }

  /** Puts the flows live; what somebody else deploys meanwhile is kept. */
  async function deploy(converted: readonly Converted[], by: Actor): Promise<{ estate: Estate; release?: number; rev?: string; problems: readonly Problem[] }> {
    const names = converted.map(({ plan }) => plan.id)
    for (let attempt = 1; ; attempt++) {
      const estate = mergeEstate(converted, await flows.current(by))
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
      const estate = mergeEstate(converted, await flows.current(by))
      return toResult(converted, estate, { dryRun: true, problems: concerns(converted, await flows.check(estate.nodes, by)) })
    },
    async register(input, by) {
      const converted = await convertAll(input, by)
      await tryRecords(converted, by)
      refuseLosses(converted, mergeEstate(converted, await flows.current(by)))
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

/** @throws Refused `register.flow` 409 when the API is served by a flow that was drawn */
async function refuseOtherFlow(unit: Unit, { id, input }: RecordPlan): Promise<void> {
  const row = await unit.live('apis', id)
  // That the id is somebody else's is said by the record; by which flow it is served is not for everybody to know.
  if (row && row.organisation !== input.organisation) return
  const { flow } = row ? (bodyOf(row) as unknown as ManagedApi) : input
  if (flow === input.flow) return
  throw new Refused('register.flow', 409, `“${id}” is served by a flow that was drawn, not registered.`, [{
    severity: 'error', code: 'register.flow', pointer: '/id', flow, message: `The API “${id}” is served by the flow “${flow}”.`, remedy: 'Choose another id, or change that flow in the editor.',
  }])
}
