import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, type Clock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { TokenMode, VaultAnswer, Viewer } from '../../runtime/core/secrets/vault.ts'
import { createEnvelope, type DataKeys, type EnvelopeOptions } from '../../vault/envelope.ts'
import { openFileMasterKey } from '../../vault/master-key-file.ts'
import type { MasterKey } from '../../vault/parts.ts'
import { openVaultStore } from '../../vault/store/open-vault-store.ts'
import type { VaultStore } from '../../vault/store/vault-store.ts'
import { createTokens, type OpenTokens } from '../../vault/tokens/create-tokens.ts'

/** The machine's clock, put forward at will. */
export interface ShiftedClock extends Clock {
  shift(ms: number): void
}

export function shiftedClock(): ShiftedClock {
  let shifted = 0
  return {
    now: () => systemClock.now() + shifted,
    elapsed: () => systemClock.elapsed() + shifted,
    setTimer: systemClock.setTimer,
    shift: (ms) => void (shifted += ms),
  }
}

/** Store, master key, envelope and tokens of a vault, without its door. */
export interface TokenVault {
  readonly store: VaultStore
  readonly masterKey: MasterKey
  readonly envelope: DataKeys
  readonly tokens: OpenTokens
  readonly clock: ShiftedClock
  readonly dataDir: string
  tokenize(domain: string, mode: TokenMode, values: readonly string[], more?: object): Promise<readonly string[]>
  reveal(domain: string, tokens: readonly string[], viewer?: Partial<Viewer>): Promise<readonly VaultAnswer[]>
  close(): Promise<void>
}

export const viewer: Viewer = { client: 'ward', clearance: undefined, purpose: 'care', run: 'run-1', flow: 'flow-1', node: 'node-1' }

/** @param around puts something between the tokens and their store */
export async function openTokenVault({ url, dataDir, seals, around = (store) => store }: { readonly url?: string | undefined; readonly dataDir?: string | undefined; readonly seals?: EnvelopeOptions['seals']; readonly around?: (store: VaultStore) => VaultStore } = {}): Promise<TokenVault> {
  const folder = dataDir ?? mkdtempSync(join(tmpdir(), 'sluice-vault-'))
  const clock = shiftedClock()
  const store = await openVaultStore({ url, dataDir: folder, log: silentLog })
  const masterKey = await openFileMasterKey({ file: join(folder, 'master', 'key') })
  const envelope = await createEnvelope({ store, masterKey, log: silentLog, clock, seals })
  const tokens = await createTokens({ store: around(store), envelope, log: silentLog, clock })
  return {
    store,
    masterKey,
    envelope,
    tokens,
    clock,
    dataDir: folder,
    async tokenize(domain, mode, values, more = {}) {
      const answers = await tokens.ask(values.map((value) => ({ do: 'tokenize', domain, mode, value, ...more })))
      return answers.map((answer) => {
        if (!('token' in answer)) throw new Error(JSON.stringify(answer))
        return answer.token
      })
    },
    reveal: (domain, list, more = {}) => tokens.ask(list.map((token) => ({ do: 'reveal', domain, token, viewer: { ...viewer, ...more } }))),
    async close() {
      await tokens.close()
      await store.close()
      await masterKey.close()
      if (dataDir === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Makes a domain that `viewer` may see. */
export async function openDomain({ tokens }: TokenVault, name: string, part: object = {}): Promise<void> {
  await tokens.desk.domains.put(name, { purposes: ['care'], ...part }, 'admin')
  await tokens.desk.grants.add({ domain: name, client: 'ward', purpose: 'care' }, 'admin')
}
