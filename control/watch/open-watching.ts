import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { GatewayCommand } from '../../runtime/core/deployer.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { flawOfCase } from '../../runtime/core/flaw-of-case.ts'
import type { Audit } from '../audit.ts'
import { Refused, type Actor, type CasesReport, type FlowCase, type FlowRights, type ReplayReport, type RunRecord, type TraceList, type Watching } from '../contract.ts'
import { pickNodes } from './pick-nodes.ts'

export interface Answered {
  readonly gateway: string
  readonly result?: unknown
  readonly error?: string
}

export interface WatchingParts {
  readonly audit: Pick<Audit, 'add'>
  readonly clock: Pick<Clock, 'now'>
  rights(by: Actor): Promise<FlowRights>
  /** Asks every connected gateway; answers of those who replied in time. */
  command(command: GatewayCommand, options?: { readonly withinMs?: number; readonly any?: boolean }): Promise<readonly Answered[]>
  /** Nodes with the earlier revisions that they are pinned to, of flows that he may see; absent: there are none. */
  withPins?(nodes: readonly EditorNode[], by: Actor): Promise<readonly EditorNode[]>
  readonly documents: { get(key: string): Promise<unknown>; set(key: string, value: unknown): Promise<void> }
}

const mostCases = 200
const casesBytes = 3 * 1024 * 1024
/** Cases and replays compile and run flows. */
const workMs = 30_000

/** Keeps cases, and asks gateways about runs. */
export function createWatching({ audit, clock, rights, command, documents, withPins = async (nodes) => nodes }: WatchingParts) {
  async function need(flow: string, by: Actor): Promise<void> {
    if (!(await rights(by)).mayWrite(flow)) throw new Refused('auth.role', 403, 'Only who may change a flow may see what passes through it.')
  }

  const keyOf = (flow: string) => `cases/${flow}`

  async function stored(flow: string): Promise<readonly FlowCase[]> {
    const value = await documents.get(keyOf(flow))
    return Array.isArray(value) ? (value as FlowCase[]) : []
  }

  /** The record, if whoever asks may see its flow. A flow that is gone is for those who may see everything. */
  async function recordOf(id: string, by: Actor): Promise<RunRecord> {
    const record = first<RunRecord>(await command({ do: 'traces.get', id }), isRecord)
    // Of a run of a flow that he does not even see, not that there was one.
    if (!(await rights(by)).mayRead(record.flow)) throw noRun()
    await need(record.flow, by)
    return record
  }

  async function runOn(nodes: readonly EditorNode[], flow: string, cases: readonly FlowCase[]): Promise<CasesReport> {
    return first<CasesReport>(await command({ do: 'cases.run', nodes: pickNodes(nodes, flow), cases }, { withinMs: workMs, any: true }), (value) => Array.isArray((value as CasesReport | null)?.results))
  }

  const watching: Watching = {
    async watch({ flow, next, forMs, token: wanted = false }, by) {
      await need(flow, by)
      const id = randomUUID()
      const token = wanted ? randomBytes(24).toString('base64url') : undefined
      const waits = Math.min(Math.max(1000, forMs || 0), 15 * 60_000)
      const count = Math.min(Math.max(1, Math.floor(next) || 1), 100)
      const tokenHash = token === undefined ? {} : { tokenHash: createHash('sha256').update(token).digest('hex') }
      const answers = await command({ do: 'traces.watch', id, flow, next: count, forMs: waits, ...tokenHash })
      const watched = answers.filter(({ error }) => error === undefined)
      if (watched.length === 0) throw nobody(answers)
      await audit.add(by, 'flow.watch', { flow, next: count, forMs: waits, token: wanted }, undefined, { subject: `flows/${flow}` })
      return { id, flow, next: count, until: new Date(clock.now() + waits).toISOString(), gateways: watched.length, ...(token === undefined ? {} : { token }) }
    },
    async unwatch(id, flow, by) {
      await need(flow, by)
      await command({ do: 'traces.unwatch', id })
    },
    async list({ flow, watch, limit }, by) {
      await need(flow, by)
      const answers = await command({ do: 'traces.list', flow, limit, ...(watch === undefined ? {} : { watch }) })
      const lists = answers.flatMap(({ result }) => (Array.isArray((result as TraceList | null)?.runs) ? [result as TraceList] : []))
      if (lists.length === 0) throw nobody(answers)
      const runs = lists.flatMap((one) => one.runs).filter((head) => head.flow === flow).toSorted((a, b) => (a.at < b.at ? 1 : -1)).slice(0, limit)
      const left = Math.max(-1, ...lists.map((one) => one.left ?? -1))
      return { runs, ...(left < 0 ? {} : { left }) }
    },
    get: (id, by) => recordOf(id, by),
    async toCase(id, name, by) {
      await recordOf(id, by)
      return first<FlowCase>(await command({ do: 'traces.case', id, name }), (value) => flawOfCase(value) === undefined)
    },
    async replay(id, nodes, by) {
      const { flow } = await recordOf(id, by)
      return first<ReplayReport>(await command({ do: 'traces.replay', id, nodes: pickNodes(await withPins(nodes, by), flow) }, { withinMs: workMs }), (value) => Array.isArray((value as ReplayReport | null)?.differences))
    },
    async cases(flow, by) {
      await need(flow, by)
      return await stored(flow)
    },
    async saveCases(flow, cases, by) {
      await need(flow, by)
      if (!Array.isArray(cases) || cases.length > mostCases) throw malformed(`a flow has at most ${mostCases} cases`)
      for (const [index, one] of cases.entries()) {
        const flaw = flawOfCase(one)
        if (flaw !== undefined) throw malformed(`case ${index + 1}${typeof one?.name === 'string' ? ` “${one.name}”` : ''}: ${flaw}`)
        if ((one as FlowCase).upstreams?.some((played) => played.reply.file !== undefined)) throw malformed(`case ${index + 1} “${one.name}”: a body in a file is for cases beside a flow file; put the body itself here`)
      }
      const twice = cases.find((one, index) => cases.findIndex(({ name }) => name === one.name) !== index)
      if (twice) throw malformed(`two cases are called “${twice.name}”`)
      if (JSON.stringify(cases).length > casesBytes) throw malformed(`the cases of a flow have at most ${casesBytes} bytes together`)
      await documents.set(keyOf(flow), cases.length === 0 ? undefined : cases)
      await audit.add(by, 'flow.cases', { flow, cases: cases.length }, undefined, { subject: `flows/${flow}` })
      return cases
    },
    async runCases(flow, nodes, cases, by) {
      await need(flow, by)
      return await runOn(await withPins(nodes, by), flow, cases ?? (await stored(flow)))
    },
  }
  return { watching, stored, runOn }
}

/** The first answer of the right kind. What a gateway says is looked at before it is believed. */
function first<T>(answers: readonly Answered[], isIt: (value: unknown) => boolean): T {
  for (const { result } of answers) if (result !== undefined && isIt(result)) return result as T
  const failed = answers.find(({ error }) => error !== undefined)
  if (failed) throw new Refused('gateway.refused', 502, String(failed.error))
  if (answers.length === 0) throw nobody(answers)
  throw noRun()
}

function noRun(): Refused {
  return new Refused('record.none', 404, 'No gateway that is connected has this run any more. Runs are kept for 15 minutes.')
}

function nobody(answers: readonly Answered[]): Refused {
  const failed = answers.find(({ error }) => error !== undefined)
  return failed ? new Refused('gateway.refused', 502, String(failed.error)) : new Refused('gateway.none', 503, 'No gateway is connected. Start one, or wait until it is back.')
}

function malformed(reason: string): Refused {
  return new Refused('cases.malformed', 422, `The cases were not saved: ${reason}.`)
}

function isRecord(value: unknown): boolean {
  const { id, flow, steps } = (value ?? {}) as Partial<RunRecord>
  return typeof id === 'string' && typeof flow === 'string' && Array.isArray(steps)
}
