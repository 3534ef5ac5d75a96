import type { ConsistencyProof, InclusionProof, LedgerInfo, LedgerVerdict, LedgerWitness } from '../../../control/contract.ts'
import { callControl, type Target } from '../control-client.ts'
import { toFailure, toQuery } from '../records/client.ts'

/** Ledgers over HTTP. */
export type LedgerClient = ReturnType<typeof createLedgerClient>

export function createLedgerClient(target: Target) {
  async function get<Result>(what: string, path: string, query: object = {}): Promise<Result> {
    const answer = await callControl(target, 'GET', `/api/v1/${path}${toQuery(query)}`)
    if (answer.status >= 300) throw toFailure(what, answer)
    return answer.body as Result
  }
  const of = (name: string, part = '') => `ledgers/${encodeURIComponent(name)}${part}`
  return {
    list: async () => (await get<{ items: readonly LedgerInfo[] }>('The ledgers could not be read', 'ledgers')).items,
    witnesses: async () => (await get<{ items: readonly LedgerWitness[] }>('The witnesses could not be read', 'ledger-witnesses')).items,
    get: (name: string) => get<LedgerInfo>(`“${name}” could not be read`, of(name)),
    verify: (name: string, range: { readonly from?: number | undefined; readonly to?: number | undefined }) => get<LedgerVerdict>(`“${name}” could not be verified`, of(name, '/verify'), range),
    prove: (name: string, number: number) => get<InclusionProof>('There is no proof', of(name, '/proof'), { number }),
    proveGrowth: (name: string, from: number, to: number | undefined) => get<ConsistencyProof>('There is no proof', of(name, '/growth'), { from, to }),
    exportPage: (name: string, cursor: string | undefined) => get<{ lines: readonly string[]; next?: string }>(`“${name}” could not be exported`, of(name, '/export'), { cursor }),
    key: () => get<{ publicKey: string; keyId: string }>('The key could not be read', 'ledger-key'),
  }
}
