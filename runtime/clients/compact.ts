import type { Application, ClientCredential, ClientRules, Subscription } from '../core/clients.ts'

const noRules: ClientRules = Object.freeze({})
const none: readonly never[] = Object.freeze([])

/**
 * Makes records small: texts, rules and subscriptions that many applications have in common are kept once. What comes
 * from JSON has a copy of its own of everything, which at 100,000 applications is most of the memory.
 */
export function createCompactor() {
  const texts = new Map<string, string>()
  const subscriptions = new Map<string, Subscription>()
  const rulesByText = new Map<string, ClientRules>()

  function text(value: string): string {
    const known = texts.get(value)
    if (known !== undefined) return known
    texts.set(value, value)
    return value
  }

  function subscription({ api, plan, state }: Subscription): Subscription {
    const key = `${api}\0${plan}\0${state}`
    let known = subscriptions.get(key)
    if (!known) subscriptions.set(key, (known = Object.freeze({ api: text(api), plan: text(plan), state })))
    return known
  }

  function rules(value: ClientRules | undefined): ClientRules {
    if (!value || Object.keys(value).length === 0) return noRules
    const key = JSON.stringify(value)
    // Rules that are one application's own would fill the table for nothing.
    if (key.length > 200) return value
    let known = rulesByText.get(key)
    if (!known) rulesByText.set(key, (known = value))
    return known
  }

  return {
    application(given: Application): Application {
      return Object.freeze({
        id: given.id,
        name: given.name === given.id ? given.id : given.name,
        organisation: text(given.organisation),
        active: given.active,
        rules: rules(given.rules),
        credentials: given.credentials.length === 0 ? none : (given.credentials.map((one) => credential(one)) as readonly ClientCredential[]),
        subscriptions: given.subscriptions.length === 0 ? none : given.subscriptions.map(subscription),
      })
    },
    clear(): void {
      texts.clear()
      subscriptions.clear()
      rulesByText.clear()
    },
  }

  function credential(one: ClientCredential): ClientCredential {
    if (one.kind === 'jwt') return Object.freeze({ ...one, issuer: text(one.issuer) })
    return Object.freeze(one)
  }
}
