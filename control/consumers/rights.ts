import type { Actor, Right, Role } from '../contract.ts'

const reads: readonly Right[] = ['records.read', 'flows.read']
const operates: readonly Right[] = [...reads, 'decisions.read', 'applications.suspend', 'credentials.revoke', 'apis.block', 'subscriptions.suspend']
const queues: readonly Right[] = ['queues.read', 'queues.write', 'caches.purge']
const creates: readonly Right[] = [...reads, 'apis.write', 'flows.write']
const publishes: readonly Right[] = [
  ...new Set<Right>([
    ...operates, ...creates, 'applications.write', 'credentials.write', 'plans.write', 'apis.publish', 'groups.write', 'products.write',
    'subscriptions.write', 'subscriptions.approve',
  ]),
]
const audits: readonly Right[] = [...reads, 'members.read', 'audit.read', 'decisions.read', 'records.export', 'vault.read', 'reveals.read']
const everything: readonly Right[] = [...new Set<Right>([...publishes, ...audits, 'connectors.write', 'organisations.write', 'members.write', 'records.apply', 'vault.write', ...queues])]

/**
 * Which role has which rights. As a user's own role it holds everywhere, as a member's in that organisation. A subscriber has
 * rights as a member only: whoever signs up belongs to no organisation yet. Whose a flow is stands in its tab
 * (`SLUICE_ORGANISATION`); tabs, subflows and config nodes of nobody are changed by those who have the right everywhere.
 */
export const rightsByRole: Readonly<Record<Role, readonly Right[]>> = {
  admin: everything,
  publisher: publishes,
  creator: creates,
  editor: creates,
  operator: [...operates, ...queues, 'vault.read'],
  auditor: audits,
  // Who lets others see does not judge who looked: that is the auditor's.
  'data-officer': [...reads, 'vault.read', 'vault.write'],
  viewer: reads,
  subscriber: ['records.own'],
}

/** What somebody may do, worked out once per request. */
export interface Access {
  readonly by: Actor
  readonly everywhere: ReadonlySet<Right>
  readonly organisations: ReadonlyMap<string, ReadonlySet<Right>>
  /** Roles held anywhere, for what is offered by role. */
  readonly roles: ReadonlySet<Role>
  /** Whether the right holds for a record of the organisation; without one: everywhere. */
  may(right: Right, organisation?: string | null): boolean
}

/** Every right there is; each is a scope of tokens for the admin API. */
export const allRights: readonly Right[] = [...everything, 'records.own']

/** A token's scopes bound the rights; where none is left of an organisation, it is none of his. */
export function toAccess(by: Actor, memberships: readonly { readonly organisation: string; readonly role: Role }[]): Access {
  const bounds = by.scopes && new Set(by.scopes)
  const within = (rights: readonly Right[]) => (bounds ? rights.filter((right) => bounds.has(right)) : rights)
  const everywhere = new Set(by.role === 'subscriber' ? [] : within(rightsByRole[by.role]))
  const organisations = new Map<string, Set<Right>>()
  for (const { organisation, role } of memberships) {
    const rights = within(rightsByRole[role])
    if (bounds && rights.length === 0) continue
    const held = organisations.get(organisation) ?? new Set<Right>()
    for (const right of rights) held.add(right)
    organisations.set(organisation, held)
  }
  return {
    by,
    everywhere,
    organisations,
    roles: new Set<Role>([by.role, ...memberships.map(({ role }) => role)]),
    may: (right, organisation) => everywhere.has(right) || (organisation !== undefined && organisation !== null && organisations.get(organisation)?.has(right) === true),
  }
}
