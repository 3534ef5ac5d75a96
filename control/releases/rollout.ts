import type { Problem } from '../../runtime/core/flow.ts'
import type { CredentialMap } from '../credentials/kept-credentials.ts'
import type { LoadedRelease } from './current.ts'
import type { Interned } from './intern.ts'

/** An attempt to put a release live: who is ready, who did not say anything, who cannot. */
export interface Attempt {
  readonly release: LoadedRelease
  readonly ready: readonly string[]
  readonly silent: readonly string[]
  /** Errors of gateways that refuse; any one of them refuses the deploy for all. */
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
}

/** The two phases with the gateways that are connected. */
export interface Rollout {
  prepare(release: LoadedRelease, documents: readonly Interned[], credentials: CredentialMap, before: LoadedRelease | undefined): Promise<Attempt>
  /** Tells everybody; resolves when those that were ready run it, or are taken for behind. */
  commit(attempt: Attempt): Promise<{ readonly live: readonly string[]; readonly behind: readonly string[] }>
  abort(attempt: Attempt): void
}
