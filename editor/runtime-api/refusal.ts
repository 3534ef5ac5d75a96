import type { Problem } from '../../runtime/core/flow.ts'
import { toRefused } from '../../portal/web/reply.ts'

/** A refusal as the stock editor understands it: its own code for a stale revision, and our problems beside it. */
export interface EditorRefusal {
  readonly status: number
  readonly body: { readonly code: string; readonly message: string; readonly problems?: readonly Problem[] }
}

/** Whatever was thrown, as an answer to the editor. `version_mismatch` with 409 opens its merge dialog. */
export function toEditorRefusal(thrown: unknown): EditorRefusal {
  const refused = toRefused(thrown)
  const code = refused.code === 'deploy.conflict' ? 'version_mismatch' : refused.code
  return {
    status: refused.status,
    body: { code, message: refused.message, ...(refused.problems.length > 0 ? { problems: refused.problems } : {}) },
  }
}

/** The same as the error that the stock API's handlers expect to be rejected with. */
export function toEditorError(thrown: unknown): Error {
  const { status, body } = toEditorRefusal(thrown)
  return Object.assign(new Error(body.message), { status, code: body.code })
}
