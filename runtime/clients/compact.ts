import type { Application, ClientCredential, ClientRules, Subscription } from '../core/access/clients.ts'

const noRules: ClientRules = Object.freeze({})
const none: readonly never[] = Object.freeze([])
/** What is shared by many is met often, so a table that is full may begin anew. */
const mostShared = 5000
const longestRules = 200

/**
 * Makes records small: texts, rules and subscriptions that many applications have in common are kept once. What comes
 * from JSON has a copy of its own of everything, which at 100,000 applications is most of the memory.
 */
export function createCompactor() {
  const texts = new Map<string, string>()
  const subscriptions = new Map<string, Subscription>()
  const rulesByText = new Map<string, ClientRules>()
  const pinsByText = new Map<string, NonNullable<Application['pins']>>()

  const text = (value: string) => once(texts, value, () => value)

  function subscription({ api, plan, state }: Subscription): Subscription {
    return once(subscriptions, `${api}\0${plan}\0${state}`, () => Object.freeze({ api: text(api), plan: text(plan), state }))
  }

  function rules(value: ClientRules | undefined): ClientRules {
    if (!value || Object.keys(value).length === 0) return noRules
    const key = JSON.stringify(value)
    // Long ones are an application's own.
    return key.length > longestRules ? value : once(rulesByText, key, () => value)
  }

  function pins(value: NonNullable<Application['pins']>): NonNullable<Application['pins']> {
    return once(pinsByText, JSON.stringify(value), () => Object.freeze({ ...value }))
  }

  return {
    application(given: Application): Application {
      const application: Application = {
        id: given.id,
        name: given.name,
        organisation: text(given.organisation),
        active: given.active,
        rules: rules(given.rules),
        credentials: given.credentials.length === 0 ? none : given.credentials.map(credential),
        subscriptions: given.subscriptions.length === 0 ? none : given.subscriptions.map(subscription),
      }
      // Few have any: those that have none do not pay a field for it.
      return Object.freeze({
        ...application,
        ...(given.pins && Object.keys(given.pins).length > 0 ? { pins: pins(given.pins) } : {}),
        ...(given.revoked && given.revoked.length > 0 ? { revoked: given.revoked.map((one) => Object.freeze({ ...one, active: false })) } : {}),
      })
    },
  }

  function credential(one: ClientCredential): ClientCredential {
    return Object.freeze(one.kind === 'jwt' ? { ...one, issuer: text(one.issuer) } : one)
  }
}

function once<T>(table: Map<string, T>, key: string, make: () => T): T {
  const known = table.get(key)
  if (known !== undefined) return known
  if (table.size >= mostShared) table.clear()
  const made = make()
  table.set(key, made)
  return made
}
