import type { ManagedApi, ManagedApiInput, Role } from '../../../control/contract.ts'
import { toLines } from '../../forms/form-values.ts'
import type { Fields } from '../../forms/form-view.ts'

type Scopes = NonNullable<ManagedApi['scopes']>

/** Scopes of an API as lines of a form: `refund | publisher, admin | Pay money back`. */
export function fromScopes(scopes: Scopes | undefined): string {
  return Object.entries(scopes ?? {}).map(([name, { roles = [], description = '' }]) => (roles.length === 0 && description === '' ? name : `${name} | ${roles.join(', ')} | ${description}`)).join('\n')
}

/** Nothing where the form did not show them, so that they stay as they are. */
export function toScopes(fields: Fields): Pick<ManagedApiInput, 'scopes'> {
  if (!fields.has('scopes')) return {}
  const scopes = toLines(fields, 'scopes').map((line): [string, Scopes[string]] => {
    const [name = '', roles = '', ...rest] = line.split('|').map((part) => part.trim())
    const named = roles.split(/[,，、]/).map((role) => role.trim()).filter((role) => role !== '') as Role[]
    const description = rest.join(' | ')
    return [name, { ...(named.length > 0 ? { roles: named } : {}), ...(description === '' ? {} : { description }) }]
  })
  // Named, so that it takes the place of what was there.
  return (scopes.length > 0 ? { scopes: Object.fromEntries(scopes) } : { scopes: undefined }) as Pick<ManagedApiInput, 'scopes'>
}
