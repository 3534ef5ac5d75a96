import type { Method } from '../entry.ts'

/** The methods of HTTP that flows serve and call (RFC 9110 §9.3, RFC 5789), each by its name. */
export const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const satisfies readonly Method[]

/** Methods whose requests have no body that means anything (RFC 9110 §9.3.1, §9.3.2). */
export const methodsWithoutBody: ReadonlySet<string> = new Set(['GET', 'HEAD'])
