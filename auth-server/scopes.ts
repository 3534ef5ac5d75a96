import type { OauthApi, Standing } from '../control/oauth-contract.ts'

/** Names the audience of one API: tokens for it say `aud` = its id. */
export const apiPrefix = 'urn:sluice:api:'

/** What a token for the admin API may be good for: what its client may have, of what its person's roles allow. */
export function adminScopesFor(client: readonly string[], adminScopes: readonly string[], person: Standing | undefined): readonly string[] {
  const allowed = new Set(person ? person.rights : adminScopes)
  return client.filter((scope) => adminScopes.includes(scope) && allowed.has(scope))
}

/**
 * What a token for an API may be good for: what its client may have, without the scopes for which the API asks roles that
 * the person has neither herself nor in the API's organisation. A program acts for nobody and has no roles: those of the API's
 * own organisation have what their record says, others (`foreign`) no scope that asks for a role.
 */
export function apiScopesFor(client: readonly string[], { organisation, scopes }: OauthApi, person: Standing | undefined, foreign = false): readonly string[] {
  const rolesOf = (scope: string) => (Object.hasOwn(scopes, scope) ? scopes[scope]?.roles : undefined)
  if (!person) return foreign ? client.filter((scope) => rolesOf(scope) === undefined) : client
  const held = new Set<string>([person.role, ...person.memberships.filter((one) => one.organisation === organisation).map(({ role }) => role)])
  return client.filter((scope) => {
    const roles = rolesOf(scope)
    return roles === undefined || roles.some((role) => held.has(role))
  })
}
