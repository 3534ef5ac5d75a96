import type { UsedVaultName } from '../../runtime/compile/check-vault-names.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Domain, Key, VaultDesk } from '../../vault/contract.ts'

/** What of the vault a deploy has to know. */
export type NamedInVault = (kinds: ReadonlySet<UsedVaultName['kind']>) => Promise<{ readonly domains?: readonly Pick<Domain, 'name' | 'state'>[]; readonly keys?: readonly Pick<Key, 'name' | 'state'>[] } | undefined>

/** The vault's lists, when it gives them within `withinMs`; `undefined` when it does not, for whatever reason. */
export function createNamedInVault(desk: Pick<VaultDesk, 'domains' | 'keys'> | undefined, clock: Clock, withinMs: number): NamedInVault {
  return async (kinds) => {
    if (!desk) return undefined
    let stop: (() => void) | undefined
    const late = new Promise<undefined>((resolve) => (stop = clock.setTimer(() => resolve(undefined), withinMs)))
    const lists = async () => ({ ...(kinds.has('domain') ? { domains: await desk.domains.list() } : {}), ...(kinds.has('key') ? { keys: await desk.keys.list() } : {}) })
    try {
      return await Promise.race([lists(), late])
    } catch {
      return undefined
    } finally {
      stop?.()
    }
  }
}

/**
 * Doubts about domains and keys that flows name and the vault does not have. None while it cannot be asked: a vault that is away
 * keeps nobody from deploying, and what is not there yet may be made later.
 */
export async function findMissing(names: readonly UsedVaultName[], named: NamedInVault): Promise<Problem[]> {
  if (names.length === 0) return []
  const lists = await named(new Set(names.map(({ kind }) => kind)))
  if (!lists) return []
  return names.flatMap((used): Problem[] => {
    const list: readonly { readonly name: string; readonly state: string }[] | undefined = used.kind === 'domain' ? lists.domains : lists.keys
    if (!list) return []
    const found = list.find(({ name }) => name === used.name)
    return found?.state === 'active' ? [] : [toProblem(used, found?.state)]
  })
}

function toProblem({ kind, name, flow, node, property }: UsedVaultName, state: string | undefined): Problem {
  const place = { severity: 'warning', flow, node, property } as const
  if (state === 'shredded') return { ...place, code: 'domain.shredded', message: `The domain “${name}” was shredded: calls that come to this node will fail.`, remedy: 'Use another domain; the name of one that was shredded is never given again.' }
  if (state === 'disabled') return { ...place, code: 'key.disabled', message: `The key “${name}” is disabled: calls that come to this node will fail.`, remedy: `Enable it on the page of keys or with “sluice vault keys enable ${name}”, or use another key.` }
  if (kind === 'key') return { ...place, code: 'key.unknown', message: `The vault has no key “${name}”: calls that come to this node will fail.`, remedy: `Make it on the page of keys or with “sluice vault keys create ${name}”, or correct the name.` }
  return { ...place, code: 'domain.unknown', message: `The vault has no domain “${name}”: calls that come to this node will fail.`, remedy: `Make it on the page of domains or with “sluice vault domains add ${name}”, or correct the name.` }
}
