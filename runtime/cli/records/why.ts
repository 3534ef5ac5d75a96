import { explainCheck, explainPassing } from '../../core/access/explain-check.ts'
import { faults } from '../../core/faults.ts'
import { remedyOf } from '../../core/access/refusal-remedies.ts'
import { lookUp } from '../../core/saying.ts'
import type { Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { toLines } from './print.ts'

/** `sluice why`: what was looked at, in order, what decided, and when the call passes. */
export async function runWhy(client: RecordsClient, id: string, output: Output): Promise<void> {
  const decision = await client.why(id)
  const { code, status, checks, decidedBy } = decision
  const title = lookUp<{ readonly title: string }>(faults, code)?.title
  const passes = explainPassing(decision, 'en')
  const remedy = remedyOf(code)?.en
  const text = [
    `${code} (${status}${title ? ` ${title}` : ''})`,
    toLines([
      ['at', new Date(decision.at).toISOString()], ['application', decision.application], ['api', decision.api], ['plan', decision.plan],
      ['call', decision.method && `${decision.method} ${decision.route ?? ''}`], ['from', decision.ip],
      ['by', decision.node === undefined ? decision.nodeType : `${decision.nodeName ?? decision.nodeType} (${decision.node})`], ['gateway', decision.gateway],
    ]),
    checks
      .map((check, place) => {
        const { name, found, passes: when } = explainCheck(check, 'en')
        return `${check.passed ? '✓' : '✗'} ${name}: ${found}${when ? `; ${when}` : ''}${place === decidedBy ? '  ← this decided' : ''}`
      })
      .join('\n'),
    [`Passes: ${passes ?? (checks[decidedBy]?.check === 'lease' ? 'as soon as another call ends' : 'not by waiting')}`, ...(remedy ? [`Remedy: ${remedy}`] : [])].join('\n'),
  ].join('\n\n')
  output.result(text, { ...decision })
}
