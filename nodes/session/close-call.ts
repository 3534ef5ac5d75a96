import { errand } from '../../runtime/core/errand.ts'
import type { Scope } from '../../runtime/core/node.ts'
import { parseUrlTemplate, type UrlTemplate } from '../../runtime/core/upstream/url-template.ts'
import { withEnv } from '../shared/with-env.ts'
import type { JanitorOptions } from './janitor.ts'
import { toView } from './record.ts'

export interface CloseCall {
  readonly closeUrl: string
  readonly closeMethod: 'POST' | 'PUT' | 'DELETE' | 'GET'
  readonly closeTimeoutMs: number
}

/** The URL with `${NAME}` replaced. @throws TemplateError, Fault `config.invalid` */
export function parseCloseUrl(text: string, env: (name: string) => unknown): UrlTemplate {
  return parseUrlTemplate(withEnv(text.trim(), env))
}

/** Tells the target that a session is over: the session's view and the reason, once per session (`Idempotency-Key`). */
export function createCloseCall({ closeUrl, closeMethod, closeTimeoutMs }: CloseCall, scope: Scope): JanitorOptions['close'] {
  const url = parseCloseUrl(closeUrl, (name) => scope.env(name))
  const hasBody = closeMethod === 'POST' || closeMethod === 'PUT'
  return async function close(handle, record) {
    const session = { ...toView(handle, record), reason: record.reason }
    try {
      const reply = await scope.upstream.request({
        method: closeMethod,
        url: url.render({ session }),
        headers: { 'idempotency-key': `"${handle}"`, ...(hasBody ? { 'content-type': 'application/json' } : {}) },
        body: hasBody ? JSON.stringify({ session }) : undefined,
        timeoutMs: closeTimeoutMs,
        responseLimitBytes: 65_536,
        redirects: 0,
      }, errand(scope, closeTimeoutMs))
      // 404 and 410: the target knows no such session any more, which is what was wanted.
      if ((reply.status >= 200 && reply.status < 300) || reply.status === 404 || reply.status === 410) return true
      scope.log.warn({ session: handle, status: reply.status }, 'the target refused to close a session')
    } catch (error) {
      scope.log.warn({ session: handle, cause: String(error) }, 'a session could not be closed at the target')
    }
    return false
  }
}
