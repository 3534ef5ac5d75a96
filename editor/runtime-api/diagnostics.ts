import type { Control } from '../../control/contract.ts'
import type { ActorOf, Asked } from './who.ts'

/** Node-RED's `runtimeAPI.diagnostics`: what "Show system info" displays. Facts of versions only; nothing of the machine. */
export function createDiagnosticsApi(control: Control, actorOf: ActorOf) {
  return {
    async get(asked: Asked) {
      // As on the page of gateways: they are nobody's organisation's.
      const { readsEverything } = await control.flows.rights(actorOf(asked))
      const gateways = readsEverything ? await control.gateways.list() : []
      return {
        report: 'diagnostics',
        scope: 'basic',
        time: { utc: new Date().toUTCString() },
        nodejs: { version: process.version, arch: process.arch, platform: process.platform },
        gateways: gateways.map(({ name, state, release, version }) => ({ name, state, release, version })),
      }
    },
  }
}
