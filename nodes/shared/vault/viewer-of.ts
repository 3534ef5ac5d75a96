import type { Run } from '../../../runtime/core/run.ts'
import type { Viewer } from '../../../runtime/core/secrets/vault.ts'

/** Who looks, for the vault and its record. */
export function viewerOf(run: Run, node: string, purpose: string): Viewer {
  // Who proved to call lies on the run: what a flow writes on its message reveals nothing. The sandbox is for trying out, not for people's data.
  const caller = run.environment === 'sandbox' ? undefined : run.caller
  return {
    client: caller?.application || undefined,
    clearance: caller?.clearance,
    organisation: caller?.organisation || undefined,
    purpose,
    run: run.id,
    flow: run.flow,
    node,
  }
}
