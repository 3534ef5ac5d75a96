import type { NodeProblem } from '../../runtime/core/node.ts'
import type { ServiceCalloutConfig } from './config.ts'
import type { Pair } from './sandbox.ts'

/** Headers and parameters that prove who calls. */
const secretHeaders = new Set(['authorization', 'proxy-authorization', 'x-api-key', 'api-key', 'apikey', 'x-auth-token', 'x-access-token'])
const secretParameters = new Set(['api_key', 'apikey', 'api-key', 'access_token', 'client_secret', 'password'])

/** Secrets that stand in the flow itself, where everybody who may read flows, and every export, has them. */
export function checkSecrets(config: Pick<ServiceCalloutConfig, 'headers' | 'query' | 'sandboxHeaders' | 'sandbox' | 'mock'>): NodeProblem[] {
  const problems: NodeProblem[] = []
  const look = (pairs: readonly Pair[], property: 'headers' | 'query', names: ReadonlySet<string>) => {
    for (const { name, value, valueType } of pairs) {
      if (!names.has(name.trim().toLowerCase()) || valueType !== 'str' || value.trim() === '' || /\$\{[^}]+\}|\{\{/.test(value)) continue
      problems.push({ code: 'callout.secret', property, message: `The value of “${name}” is a secret that is typed in clear.`, remedy: 'Keep it in callout credentials and choose them in this node, or take it from the vault, {{secret:name}}, or the environment, ${NAME}.' })
    }
  }
  look(config.headers, 'headers', secretHeaders)
  look(config.query, 'query', secretParameters)
  // What stands for a secret while a flow is checked. A mock answer is the flow's own: its headers go to the message, and on from there.
  if ((config.sandbox === 'mock' || config.mock !== 'off') && config.sandboxHeaders.some(({ value }) => value.includes('${secret:'))) {
    problems.push({ code: 'secret.misplaced', property: 'sandboxHeaders', message: 'A secret cannot be referred to in the headers of a mock answer: messages and people would see it.', remedy: 'Leave it out of the mock answer.' })
  }
  return problems
}
