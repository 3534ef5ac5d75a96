import type { FlowWorkReport } from '../../runtime/core/deployer.ts'
import type { FlowWork } from '../../runtime/core/jobs/jobs.ts'
import { Refused, type AcceptedFlow, type AcceptedJob, type AcceptedWork, type Actor, type Right } from '../contract.ts'
import { needOperator, type GatewayAnswer, type OperatorDesk } from '../gateways/operator-desk.ts'

/** Jobs of all gateways, for operators. Gateways that share them name the same ones: each is shown once. */
export function createAcceptedWork(desk: OperatorDesk): AcceptedWork {
  const { audit, command } = desk
  const allow = (right: Right, by: Actor) => needOperator(desk, right, by)

  async function find(id: string): Promise<AcceptedJob> {
    return first(await command({ do: 'jobs.get', id }))
  }

  async function listFlows(): Promise<readonly AcceptedFlow[]> {
    const answers = await command({ do: 'jobs.flows' })
    refuseWhenAllFailed(answers)
    const byFlow = new Map<string, AcceptedFlow['gateways'][number][]>()
    for (const { gateway, result } of answers) {
      if (!isReport(result)) continue
      for (const { flow, ...work } of result.flows.filter(isFlowWork)) byFlow.set(flow, [...(byFlow.get(flow) ?? []), { gateway, shared: result.shared, ...work }])
    }
    return [...byFlow].map(([flow, gateways]) => toFlow(flow, gateways)).toSorted((a, b) => (a.flow < b.flow ? -1 : 1))
  }

  async function findFlow(id: string): Promise<AcceptedFlow> {
    const found = (await listFlows()).find(({ flow }) => flow === id)
    if (!found) throw new Refused('record.none', 404, 'No gateway that is connected knows accepted work of this flow.')
    return found
  }

  return {
    async list(query, by) {
      await allow('queues.read', by)
      const answers = await command({ do: 'jobs.list', query })
      refuseWhenAllFailed(answers)
      const byId = new Map<string, AcceptedJob>()
      for (const { gateway, result } of answers) {
        for (const job of Array.isArray(result) ? (result as unknown[]).filter(isJob) : []) if (!byId.has(job.id)) byId.set(job.id, { ...job, gateway })
      }
      return [...byId.values()].toSorted((a, b) => b.acceptedAtMs - a.acceptedAtMs).slice(0, query.limit)
    },
    async get(id, by) {
      await allow('queues.read', by)
      return await find(id)
    },
    async act(id, act, by) {
      await allow('queues.write', by)
      const { flow, node } = await find(id)
      const after = first(await command({ do: 'jobs.act', id, act }))
      await audit.add(by, `job.${act}`, { flow, node, state: after.state }, undefined, { subject: `jobs/${id.slice(0, 12)}…` })
      return after
    },
    async move(id, to, by) {
      await allow('queues.write', by)
      const { flow, node } = await find(id)
      const after = first(await command({ do: 'jobs.move', id, to }))
      await audit.add(by, 'job.move', { flow, node, to, state: after.state }, undefined, { subject: `jobs/${id.slice(0, 12)}…` })
      return after
    },
    async flows(by) {
      await allow('queues.read', by)
      return await listFlows()
    },
    async actOnFlow(flow, act, by) {
      await allow('queues.write', by)
      const before = await findFlow(flow)
      const answers = await command({ do: 'jobs.flow', flow, act })
      const done = answers.filter(({ error }) => error === undefined).map(({ gateway }) => gateway)
      await audit.add(by, `job.${act}`, { flow, gateways: done }, undefined, { subject: `flows/${flow}` })
      const silent = before.gateways.filter(({ gateway }) => !done.includes(gateway))
      if (silent.length > 0) throw new Refused('gateway.refused', 502, `Not done on ${silent.map(({ gateway }) => gateway).join(', ')}: ${answers.find(({ error }) => error !== undefined)?.error ?? 'no answer'}`)
      // A flow that has no work is known for as long as it is paused.
      return (await listFlows()).find((one) => one.flow === flow) ?? { ...before, paused: act === 'pause' }
    },
  }
}

function refuseWhenAllFailed(answers: readonly { readonly error?: string }[]): void {
  const failed = answers.find(({ error }) => error !== undefined)
  if (failed && answers.every(({ error }) => error !== undefined)) throw new Refused('gateway.refused', 502, `No gateway can say which jobs there are: ${failed.error}`)
}

/** Gateways on one store say the same of it; what each has of its own adds up. */
function toFlow(flow: string, gateways: AcceptedFlow['gateways']): AcceptedFlow {
  const own = gateways.filter(({ shared }) => !shared)
  const together = gateways.filter(({ shared }) => shared)
  const count = (of: (work: Omit<FlowWork, 'flow'>) => number) => own.reduce((sum, work) => sum + of(work), 0) + Math.max(0, ...together.map(of))
  return { flow, paused: gateways.some(({ paused }) => paused), pending: count(({ pending }) => pending), running: count(({ running }) => running), dead: count(({ dead }) => dead), gateways }
}

function isReport(value: unknown): value is FlowWorkReport {
  const { shared, flows } = (value ?? {}) as Partial<FlowWorkReport>
  return typeof shared === 'boolean' && Array.isArray(flows)
}

function isFlowWork(value: unknown): value is FlowWork {
  const { flow, paused, pending, running, dead } = (value ?? {}) as Partial<FlowWork>
  return typeof flow === 'string' && typeof paused === 'boolean' && [pending, running, dead].every((one) => typeof one === 'number')
}

function first(answers: readonly GatewayAnswer[]): AcceptedJob {
  for (const { gateway, result } of answers) if (isJob(result)) return { ...result, gateway }
  const failed = answers.find(({ error }) => error !== undefined)
  if (failed) throw new Refused('gateway.refused', 502, `Not done on ${failed.gateway}: ${failed.error}`)
  throw new Refused('record.none', 404, 'No gateway that is connected has a job of this id.')
}

/** What a gateway says is looked at before it is believed: others may run another version. */
function isJob(value: unknown): value is AcceptedJob {
  const { id, flow, node, state, acceptedAtMs } = (value ?? {}) as Partial<AcceptedJob>
  return typeof id === 'string' && typeof flow === 'string' && typeof node === 'string' && typeof state === 'string' && typeof acceptedAtMs === 'number'
}
