import type { Audit } from '../audit.ts'
import type { Actor, AuditLog } from '../contract.ts'
import type { Access } from './rights.ts'
import { notAllowed } from './unit.ts'

const pageLimit = 200

/** The audit log as those see it who may: of everything, or of the organisations where they may. */
export function createAuditLog(audit: Audit, access: (by: Actor) => Promise<Access>): AuditLog {
  return {
    async list({ limit: wanted = 50, cursor, user, subject, action, organisation }, by) {
      const organisations = toScope(await access(by), organisation)
      const limit = Math.min(Math.max(Math.trunc(wanted), 1), pageLimit)
      const before = cursor === undefined ? undefined : Number(cursor)
      const found = await audit.list({
        limit: limit + 1, user, subject, action,
        ...(organisations === undefined ? {} : { organisations }),
        ...(before !== undefined && Number.isSafeInteger(before) ? { before } : {}),
      })
      const items = found.slice(0, limit)
      return { items, ...(found.length > limit ? { next: String(items.at(-1)?.number) } : {}) }
    },
    async verify(by) {
      // The chain is one for all organisations.
      if (!(await access(by)).everywhere.has('audit.read')) throw notAllowed('verify the audit log')
      return await audit.verify()
    },
  }
}

/** Organisations whose entries may be seen; `undefined`: all, also what concerns none. */
function toScope(held: Access, organisation: string | undefined): readonly string[] | undefined {
  if (organisation !== undefined) {
    if (!held.may('audit.read', organisation)) throw notAllowed('read the audit log of this organisation')
    return [organisation]
  }
  if (held.everywhere.has('audit.read')) return undefined
  const some = [...held.organisations].filter(([, rights]) => rights.has('audit.read')).map(([id]) => id)
  if (some.length === 0) throw notAllowed('read the audit log')
  return some
}
