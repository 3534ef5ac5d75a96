import type { CaseAnswer, CaseResult, CaseRunner, CasesReport, ReplayReport, TraceCommand, TraceList } from '../../core/cases.ts'
import type { GatewayCommand } from '../../core/deployer.ts'
import { fault } from '../../core/fault.ts'
import type { RunRecord } from '../../core/trace.ts'
import { answerDifferences } from './answer-differences.ts'
import type { RunTracing } from './create-tracing.ts'
import { toCase } from './to-case.ts'

export interface TraceDeskParts {
  readonly tracing: RunTracing
  /** Absent: this gateway runs no cases. */
  readonly cases?: CaseRunner | undefined
  /** What flows read from the environment. */
  readonly env: Readonly<Record<string, string>>
  /** No value of a message leaves the gateway. */
  readonly local: boolean
}

const longestWatchMs = 15 * 60_000
const mostNext = 100
const mostListed = 200

/** Answers what the editor asks about recorded runs and cases; `undefined`: it asks something else. */
export function createTraceDesk({ tracing, cases, env, local }: TraceDeskParts): (command: GatewayCommand) => Promise<unknown> | undefined {
  function runner(): CaseRunner {
    if (!cases) throw fault('step.config', { message: 'This gateway runs no cases.' })
    return cases
  }

  async function replay(record: RunRecord, nodes: Parameters<CaseRunner['run']>[0]): Promise<ReplayReport> {
    const recorded = toCase(record, record.run, env)
    const base64 = record.answer?.body?.base64
    const before: CaseAnswer = { status: record.answer?.status ?? 0, headers: record.answer?.headers ?? {}, text: record.answer?.body?.text ?? (record.answer?.fault === undefined ? '' : JSON.stringify(recorded.expect.json)), ...(base64 === undefined ? {} : { base64 }) }
    const { results, problems } = await runner().run(nodes, [recorded])
    const [result] = results
    if (!result?.answer) return { before: shown(before), differences: [], problems }
    const { answer } = result
    const failed = record.answer?.fault !== undefined
    // Of a problem document only the code is the same each time.
    const differences = answerDifferences(before, failed ? { ...answer, text: JSON.stringify({ code: codeOf(answer.text) }) } : answer, !local)
    const strays = result.failures.filter((text) => /^(?:never )?called /.test(text)).map((text) => (local ? text.replace(/\?\S*/, '').replace(/: expected .*/s, '') : text))
    return { before: shown(before), after: shown(answer), differences: [...differences, ...strays], problems, ...(result.record ? { record: result.record } : {}) }
  }

  const shown = (answer: CaseAnswer): CaseAnswer => (local ? { status: answer.status, headers: {}, text: '' } : answer)

  const answers: { readonly [K in TraceCommand['do']]: (command: Extract<TraceCommand, { do: K }>) => unknown } = {
    'traces.watch'({ id, flow, next, forMs, tokenHash }) {
      const order = { id, flow, next: Math.min(Math.max(1, Math.floor(next) || 1), mostNext), forMs: Math.min(Math.max(1000, forMs || 0), longestWatchMs) }
      if (!tracing.arm({ ...order, ...(tokenHash === undefined ? {} : { tokenHash }) })) throw fault('step.config', { message: 'Too many flows are watched at the moment. Stop watching another one, or wait for it to end.' })
      return { watching: true }
    },
    'traces.unwatch'({ id }) {
      tracing.disarm(id)
      return { watching: false }
    },
    'traces.list'({ flow, watch, limit }): TraceList {
      const left = watch === undefined ? undefined : tracing.left(watch)
      return { runs: tracing.list({ flow, watch, limit: Math.min(Math.max(1, Number(limit) || 1), mostListed) }), ...(left === undefined ? {} : { left }) }
    },
    'traces.get': ({ id }) => tracing.get(id),
    'traces.case'({ id, name }) {
      const record = tracing.get(id)
      return record && toCase(record, name, env)
    },
    async 'traces.replay'({ id, nodes }) {
      const record = tracing.whole(id)
      return record && (await replay(record, nodes))
    },
    async 'cases.run'({ nodes, cases: given }): Promise<CasesReport> {
      const report = await runner().run(nodes, given)
      return { ...report, results: report.results.map(toShown) }
    },
  }

  return (command) => {
    if (!Object.hasOwn(answers, command.do)) return undefined
    return (async () => await (answers[command.do as TraceCommand['do']] as (asked: GatewayCommand) => unknown)(command))()
  }
}

function codeOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { code?: unknown } | null)?.code
  } catch {
    return undefined
  }
}

/** What travels of a result: of the way the wires, of the answer what fits on a screen. */
function toShown({ record, answer, failures, ...result }: CaseResult): CaseResult {
  const wires = new Map((record?.steps ?? []).flatMap(({ node, sends }) => sends.flatMap(({ port, to }) => to.map((target) => [`${node} ${port} ${target}`, [node, port, target] as const]))))
  return {
    ...result,
    failures: failures.slice(0, 20).map((text) => (text.length > 1000 ? `${text.slice(0, 1000)}…` : text)),
    ...(answer ? { answer: { ...answer, text: answer.text.slice(0, 4000), ...(answer.base64 === undefined ? {} : { base64: answer.base64.slice(0, 4000) }) } } : {}),
    wires: [...wires.values()],
  }
}
