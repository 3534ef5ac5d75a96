import { array, assert, constantFrom, dictionary, option, property, record, subarray } from 'fast-check'
import { expect, test } from 'vitest'
import { allRights, toAccess } from '../control/consumers/rights.ts'
import type { OrganisationRole, Role } from '../control/contract.ts'
import type { Standing } from '../control/oauth-contract.ts'
import { adminScopesFor, apiScopesFor } from './scopes.ts'

const roles: readonly Role[] = ['admin', 'editor', 'viewer', 'creator', 'publisher', 'operator', 'auditor', 'subscriber']
const memberRoles: readonly OrganisationRole[] = ['admin', 'creator', 'publisher', 'operator', 'auditor', 'subscriber', 'viewer']
const words = ['read', 'write', 'refund', ...allRights]
const someRole = constantFrom(...roles)
const membership = record({ organisation: constantFrom('shop', 'other'), role: constantFrom(...memberRoles) })

function standing(role: Role, memberships: Standing['memberships']): Standing {
  const { everywhere, organisations } = toAccess({ name: 'ann', role, from: '' }, memberships)
  return { role, memberships, rights: [...new Set([everywhere, ...organisations.values()].flatMap((rights) => [...rights]))] }
}

test('a token for the admin API is good for what was asked, what its client may have and what its person’s roles allow, and for nothing else', () => {
  assert(property(subarray(words), subarray(words), someRole, array(membership, { maxLength: 3 }), (asked, client, role, memberships) => {
    const person = standing(role, memberships)
    const offered = adminScopesFor(client, allRights, person)
    const granted = asked.filter((scope) => offered.includes(scope))
    expect(granted).toEqual(asked.filter((scope) => client.includes(scope) && person.rights.includes(scope)))
    // And at the API itself it opens no more than the roles do without it, in each organisation.
    const bounded = toAccess({ name: 'ann', role, from: '', scopes: granted }, memberships)
    const whole = toAccess({ name: 'ann', role, from: '' }, memberships)
    for (const right of allRights) {
      for (const organisation of ['shop', 'other', undefined]) expect(bounded.may(right, organisation)).toBe(whole.may(right, organisation) && granted.includes(right))
    }
    for (const [id, rights] of bounded.organisations) expect(rights.size, id).toBeGreaterThan(0)
  }))
})

test('a token for an API has a scope that names roles only if its person has one of them, herself or in the API’s organisation', () => {
  const meaning = record({ roles: option(subarray([...roles], { minLength: 1 }), { nil: undefined }) }, { requiredKeys: [] })
  assert(property(subarray(words), dictionary(constantFrom(...words), meaning), someRole, array(membership, { maxLength: 3 }), (client, scopes, role, memberships) => {
    const api = { id: 'orders', name: 'Orders', organisation: 'shop', scopes: scopes as never }
    const held = [role, ...memberships.filter(({ organisation }) => organisation === 'shop').map((one) => one.role)]
    const granted = apiScopesFor(client, api, standing(role, memberships))
    for (const scope of words) {
      const asks = Object.hasOwn(scopes, scope) ? scopes[scope]?.roles : undefined
      expect(granted.includes(scope)).toBe(client.includes(scope) && (asks === undefined || asks.some((one) => held.includes(one))))
    }
    expect(apiScopesFor(client, api, undefined)).toEqual(client)
    const foreign = apiScopesFor(client, api, undefined, true)
    expect(foreign).toEqual(client.filter((scope) => !Object.hasOwn(scopes, scope) || scopes[scope]?.roles === undefined))
  }))
})
