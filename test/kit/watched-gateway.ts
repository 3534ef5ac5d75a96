import { expect } from 'vitest'
import type { CaseResult, CasesReport, FlowCase, TraceList } from '../../runtime/core/cases.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import type { CalloutRecord, RunRecord } from '../../runtime/core/trace.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from './gateway.ts'

const ask = async <T>({ gateway }: TestGateway, command: Parameters<TestGateway['gateway']['deployer']['command']>[0]) => (await gateway.deployer.command(command)) as T

/** A gateway that runs cases and may call loopback; runs of its flow `s` are watched unless `watched` is false. */
export async function openWatched(nodes: readonly EditorNode[], settings: Readonly<Record<string, string>> = {}, watched = true, more: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startGateway({ nodes, cases: true, settings: { SLUICE_EGRESS_ALLOW: '127.0.0.0/8', ...settings }, ...more })
  if (watched) await ask(gateway, { do: 'traces.watch', id: 'w', flow: 's', next: 99, forMs: 60_000 })
  return gateway
}

/** The newest record, as it is now. */
export async function newest(gateway: TestGateway): Promise<RunRecord> {
  const { runs } = await ask<TraceList>(gateway, { do: 'traces.list', flow: 's', limit: 1 })
  return await ask<RunRecord>(gateway, { do: 'traces.get', id: runs[0]!.id })
}

/** The newest record once its streams are over. */
export async function whole(gateway: TestGateway): Promise<RunRecord & { readonly callout: CalloutRecord }> {
  const isOver = ({ request, callouts, answer }: RunRecord) => [request, answer, ...callouts, ...callouts.map(({ sent }) => sent)].every((one) => !one?.stream || one.stream.end !== undefined)
  await expect.poll(async () => isOver(await newest(gateway)), { timeout: 10_000 }).toBe(true)
  const record = await newest(gateway)
  return { ...record, callout: record.callouts[0]! }
}

export const toCase = async (gateway: TestGateway, { id }: RunRecord): Promise<FlowCase> => await ask<FlowCase>(gateway, { do: 'traces.case', id, name: 'a stream' })

/** What a case comes to against some flows. */
export const play = async (gateway: TestGateway, nodes: readonly EditorNode[], one: FlowCase): Promise<CaseResult> => (await ask<CasesReport>(gateway, { do: 'cases.run', nodes, cases: [one] })).results[0]!
