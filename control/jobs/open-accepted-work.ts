import type { GatewayCommand } from '../../runtime/core/deployer.ts'
import type { Audit } from '../audit.ts'
import type { Access } from '../consumers/rights.ts'
import { Refused, type AcceptedJob, type AcceptedWork, type Actor, type Right } from '../contract.ts'

export interface AcceptedWorkParts {
  readonly audit: Pick<Audit, 'add'>
  access(by: Actor): Promise<Access>
  /** Asks every connected gateway; answers of those who replied in time. */
  command(command: GatewayCommand): Promise<readonly { readonly gateway: string; readonly result?: unknown; readonly error?: string }[]>
}

/** Jobs of all gateways, for operators. Gateways that share them name the same ones: each is shown once. */
export function createAcceptedWork({ audit, access, command }: AcceptedWorkParts): AcceptedWork {
  async function allow(right: Right, by: Actor): Promise<void> {
    if (!(await access(by)).everywhere.has(right)) throw new Refused('auth.role', 403, 'Only operators and administrators may do this.')
  }

  async function find(id: string): Promise<AcceptedJob> {
    return first(await command({ do: 'jobs.get', id }))
  }

  return {
    async list(query, by) {
      await allow('queues.read', by)
      const answers = await command({ do: 'jobs.list', query })
      const failed = answers.find(({ error }) => error !== undefined)
      if (failed && answers.every(({ error }) => error !== undefined)) throw new Refused('gateway.refused', 502, `No gateway can say which jobs there are: ${failed.error}`)
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
  }
}

function first(answers: readonly { readonly gateway: string; readonly result?: unknown; readonly error?: string }[]): AcceptedJob {
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
