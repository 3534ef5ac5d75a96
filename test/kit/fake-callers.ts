import { randomBytes } from 'node:crypto'
import type { Consumers } from '../../control/contract.ts'
import type { Application, ClientChange, ClientSnapshot } from '../../runtime/core/access/clients.ts'
import { clientSecretPurpose, seal } from '../../runtime/core/secrets/seal.ts'

/** The records of callers as control would hold them, in memory, for tests of their way to gateways. */
export function fakeCallers(count = 0) {
  const applications = new Map<string, Application>()
  const listeners = new Set<(change: ClientChange) => void>()
  const clientKey = randomBytes(32)
  let version = 1
  for (let number = 0; number < count; number++) applications.set(`app-${number}`, fakeApplication(`app-${number}`))

  const consumers: Pick<Consumers, 'snapshot' | 'onChange' | 'clientKey'> = {
    clientKey,
    snapshot: (): ClientSnapshot => ({ version, applications: [...applications.values()], plans: [{ id: 'gold', name: 'Gold', quotas: [], priority: 5 }], apis: [] }),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  function change(changed: Record<string, Application | null>): void {
    for (const [id, application] of Object.entries(changed)) {
      if (application) applications.set(id, application)
      else applications.delete(id)
    }
    version++
    for (const listener of listeners) listener({ version, applications: changed })
  }
  return {
    consumers,
    change,
    sealSecret: (secret: string) => seal(clientKey, secret, clientSecretPurpose),
    setActive: (id: string, active: boolean) => change({ [id]: fakeApplication(id, { active }) }),
    get version() {
      return version
    },
    set version(next: number) {
      version = next
    },
  }
}

/** An application with one key, `key-<id>`. */
export function fakeApplication(id: string, more: Partial<Application> = {}): Application {
  return {
    id,
    name: `Application ${id}`,
    organisation: 'acme',
    active: true,
    rules: {},
    credentials: [{ kind: 'key', prefix: `key-${id}`, hash: 'x'.repeat(43), environment: 'production', active: true }],
    subscriptions: [{ api: 'orders', plan: 'gold', state: 'approved' }],
    ...more,
  }
}
