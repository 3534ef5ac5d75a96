import { randomBytes } from 'node:crypto'
import type { Log } from '../core/log.ts'
import { deriveSealKey } from '../core/secrets/seal.ts'
import type { JoinReply, Standing } from '../core/sync-wire.ts'
import { ControlError, type ControlClient } from './control-client.ts'
import type { Disk, Identity } from './disk.ts'
import { verifyStanding } from './verify.ts'

/** Who this gateway is to control: joined once with a token, known by a key from then on. */
export interface Membership {
  readonly identity: Identity | undefined
  /** From disk, where there is one. */
  load(): Promise<Identity | undefined>
  /** The identity, from disk or by joining. @throws Error when there is neither a key nor a token that is good */
  join(): Promise<Identity>
  /** Control does not take the key. With a fresh token the gateway joins anew; else it goes on serving and says so. */
  rejected(): void
  /** The key control seals this gateway's credentials under: both sides derive it from the gateway's `id.secret`. */
  sealKey(): Buffer
}

export interface MembershipParts {
  readonly disk: Disk
  readonly client: ControlClient
  readonly log: Log
  /** One-time token; needed once, and again after the key was revoked. */
  readonly token: string | undefined
  readonly name: string
  readonly url: string | undefined
  readonly version: string
  /** How far back control may go from now on; absent: no further than it is known to be. */
  joined(standing: Pick<Standing, 'clients' | 'release'> | undefined): void
}

export function createMembership({ disk, client, log, token, name, url, version, joined }: MembershipParts): Membership {
  let identity: Identity | undefined
  let tokenSpent = false
  /** Control does not know the identity on disk any more. */
  let refused = false

  async function join(): Promise<Identity> {
    if (!refused) identity ??= await disk.loadIdentity()
    if (identity) return identity
    if (token === undefined || tokenSpent) {
      throw new Error('this gateway has no key of the control plane: give it a new join token with SLUICE_GATEWAY_TOKEN')
    }
    const nonce = randomBytes(16).toString('base64url')
    const reply = (await client.call('POST', '/sync/join', undefined, { token, name, url, version, nonce }).catch((thrown: unknown) => {
      // Control has answered: this token will not become good any more.
      if (thrown instanceof ControlError && thrown.status === 401) tokenSpent = true
      throw thrown
    })) as JoinReply
    tokenSpent = true
    const before = (await disk.loadIdentity())?.publicKeys[0]
    identity = { gatewayId: reply.gatewayId, key: reply.key, publicKeys: before && before !== reply.publicKey ? [reply.publicKey, before] : [reply.publicKey] }
    const standing = standingOf(reply, nonce, before)
    refused = false
    joined(standing)
    await disk.saveIdentity(identity)
    log.info({ gateway: identity.gatewayId }, 'joined the control plane')
    return identity
  }

  /** How far back control may go: another control plane begins anew; the one that was known has to prove where it stands. */
  function standingOf({ publicKey, standing }: JoinReply, nonce: string, before: string | undefined): Pick<Standing, 'clients' | 'release'> | undefined {
    if (before === undefined || before !== publicKey) return { clients: 0, release: 0 }
    try {
      return verifyStanding(standing, nonce, [publicKey])
    } catch (thrown) {
      log.warn({ reason: (thrown as Error).message }, 'joined anew, but nothing older than what is known here is taken')
      return undefined
    }
  }

  function rejected(): void {
    if (token === undefined || tokenSpent) {
      if (!refused) log.error({ gateway: identity?.gatewayId }, 'the control plane refuses the key of this gateway; it goes on serving what it has. Give it a new join token to connect it again')
      refused = true
      return
    }
    identity = undefined
    refused = true
  }

  return {
    get identity() {
      return identity
    },
    load: async () => (identity ??= await disk.loadIdentity()),
    join,
    rejected,
    sealKey() {
      const { key } = identity as Identity
      const dot = key.indexOf('.')
      return deriveSealKey(key.slice(0, dot), key.slice(dot + 1))
    },
  }
}
