import type { Control } from '../../control/contract.ts'

/** Node-RED's `runtimeAPI.diagnostics`: what "Show system info" displays. Facts of versions only; nothing of the machine. */
export function createDiagnosticsApi(control: Control) {
  return {
    async get() {
      const gateways = await control.gateways.list()
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
