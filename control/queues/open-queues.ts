import type { LineReport } from '../../runtime/core/lines/line-desk.ts'
import { priorities } from '../../runtime/core/lines/priority.ts'
import { Refused, type Actor, type Queue, type Queues, type Right } from '../contract.ts'
import { needOperator, type OperatorDesk } from '../gateways/operator-desk.ts'

/** What operators see of the lines of all gateways, and do to them. */
export function createQueues(desk: OperatorDesk): Queues {
  const { audit, command } = desk
  const allow = (right: Right, by: Actor) => needOperator(desk, right, by)

  async function listAll(): Promise<readonly Queue[]> {
    const byName = new Map<string, { gateway: string; report: LineReport }[]>()
    for (const { gateway, result } of await command({ do: 'lines.list' })) {
      for (const report of Array.isArray(result) ? (result as unknown[]).filter(isReport) : []) {
        const known = byName.get(report.name)
        if (known) known.push({ gateway, report })
        else byName.set(report.name, [{ gateway, report }])
      }
    }
    return [...byName.keys()].toSorted().map((name) => toQueue(byName.get(name) as { gateway: string; report: LineReport }[]))
  }

  async function find(name: string): Promise<Queue> {
    const found = (await listAll()).find((one) => one.name === name)
    if (!found) throw new Refused('record.none', 404, 'No gateway that is connected has a queue of this name.')
    return found
  }

  return {
    async list(by) {
      await allow('queues.read', by)
      return await listAll()
    },
    async get(name, by) {
      await allow('queues.read', by)
      return await find(name)
    },
    async act(name, act, by) {
      await allow('queues.write', by)
      const before = await find(name)
      const answers = await command({ do: 'lines.act', line: name, act })
      await audit.add(by, `queue.${act.act}`, { queue: name, ...(act.act === 'move' ? { from: act.from, to: act.to } : {}), gateways: answers.flatMap(({ gateway, result }) => (result === true ? [gateway] : [])) }, undefined, { subject: `queues/${name}` })
      const silent = before.gateways.filter(({ gateway }) => !answers.some((one) => one.gateway === gateway && one.error === undefined))
      if (silent.length > 0) throw new Refused('gateway.refused', 502, `Not done on ${silent.map(({ gateway }) => gateway).join(', ')}: ${answers.find(({ error }) => error !== undefined)?.error ?? 'no answer'}.`)
      return await find(name)
    },
  }
}

function toQueue(all: readonly { readonly gateway: string; readonly report: LineReport }[]): Queue {
  const first = all[0] as { readonly report: LineReport }
  const byClass = (of: (report: LineReport) => readonly number[], join: (...values: number[]) => number) => Array.from({ length: priorities }, (_, at) => join(...all.map(({ report }) => of(report)[at] ?? 0)))
  const sum = (...values: number[]) => values.reduce((total, value) => total + value, 0)
  return {
    name: first.report.name,
    scope: first.report.scope,
    paused: all.some(({ report }) => report.paused),
    waiting: byClass(({ waiting }) => waiting, sum),
    underWay: sum(...all.flatMap(({ report }) => report.active)),
    longestWaitMs: Math.max(...all.map(({ report }) => report.longestWaitMs)),
    expectedMs: byClass(({ expectedMs }) => expectedMs, Math.max),
    gateways: all.map(({ gateway, report: { name: _name, scope: _scope, ...rest } }) => ({ gateway, ...rest })),
  }
}

/** What a gateway says is looked at before it is believed: others may run another version. */
function isReport(value: unknown): value is LineReport {
  const { name, scope, waiting, active, expectedMs, longestWaitMs } = (value ?? {}) as Partial<LineReport>
  const isCounts = (list: unknown) => Array.isArray(list) && list.length === priorities && list.every((one) => typeof one === 'number')
  return typeof name === 'string' && (scope === 'gateway' || scope === 'cluster') && isCounts(waiting) && isCounts(active) && isCounts(expectedMs) && typeof longestWaitMs === 'number'
}
