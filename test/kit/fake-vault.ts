import { randomBytes } from 'node:crypto'
import type { Vault, VaultAnswer, VaultAsk } from '../../runtime/core/secrets/vault.ts'

export interface FakeVault extends Vault {
  /** What was asked, one list a call. */
  readonly calls: readonly (readonly VaultAsk[])[]
  /** Pairs `client domain purpose` that may see values. */
  readonly grants: Set<string>
  /** Answers in place of the vault, by domain. */
  readonly answers: Map<string, VaultAnswer>
}

/** A vault for tests of nodes: tokens in memory, one kind of token whatever the mode, and a list of who may see what. */
export function fakeVault(): FakeVault {
  const calls: (readonly VaultAsk[])[] = []
  const grants = new Set<string>()
  const answers = new Map<string, VaultAnswer>()
  const byToken = new Map<string, { domain: string; value: string; json: boolean }>()
  const byValue = new Map<string, string>()

  function answer(ask: VaultAsk): VaultAnswer {
    const set = 'domain' in ask ? answers.get(ask.domain) : undefined
    if (set) return set
    switch (ask.do) {
      case 'tokenize': {
        const { domain, value, json = false, mode } = ask
        const name = JSON.stringify([domain, value, json])
        const before = mode === 'deterministic' ? byValue.get(name) : undefined
        const token = before ?? randomBytes(9).toString('base64url')
        byValue.set(name, token)
        byToken.set(token, { domain, value, json })
        return { token }
      }
      case 'verify': {
        const held = byToken.get(ask.token)
        if (held?.domain !== ask.domain) return { fault: 'token.unknown', facts: { domain: ask.domain } }
        return { same: held.value === ask.value && held.json === (ask.json ?? false) }
      }
      case 'reveal': {
        const { client, purpose } = ask.viewer
        const held = byToken.get(ask.token)
        if (!grants.has(`${client} ${ask.domain} ${purpose}`)) return { fault: 'detoken.denied', facts: { domain: ask.domain, purpose } }
        if (held?.domain !== ask.domain) return { fault: 'token.unknown', facts: { domain: ask.domain } }
        return { value: held.value, ...(held.json ? { json: true } : {}) }
      }
      default:
        return { fault: 'key.unknown', facts: { key: ask.key } }
    }
  }

  return {
    calls,
    grants,
    answers,
    ask(asks) {
      calls.push(asks)
      return Promise.resolve(asks.map(answer))
    },
  }
}
